//! Deliveries per second as bars, in an SVG that reads on light and on dark pages.

use std::fmt::Write as _;

use crate::{
    report::{Cell, Row, thousands},
    server::Target,
};

const WIDTH: f64 = 900.0;
const LABEL: f64 = 205.0;
const BAR: f64 = 13.0;
const GAP: f64 = 16.0;

pub fn draw(rows: &[Row]) -> String {
    let most = rows.iter().flat_map(|row| &row.cells).map(|cell| cell.rate.median);
    let most = most.fold(1.0, f64::max);
    let height = |row: &Row| row.cells.len() as f64 * BAR + GAP;
    let whole = 40.0 + rows.iter().map(height).sum::<f64>();
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole:.0}" font-family="system-ui, sans-serif" font-size="11" role="img" aria-label="Deliveries per second of each server in each shape">
<style>
text {{ fill: #222 }} .parlor {{ fill: #1a73c8 }} .off-record {{ fill: #7db7ea }} .mosquitto {{ fill: #d97706 }} .rumqttd {{ fill: #8b8b8b }} .socketio {{ fill: #b4559a }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #ddd }} }}
</style>
"#
    );
    let mut x = LABEL;
    for target in Target::ALL {
        let _ = writeln!(
            svg,
            r#"<rect class="{}" x="{x:.0}" y="8" width="10" height="10"/><text x="{:.0}" y="17">{}</text>"#,
            target.word(),
            x + 14.0,
            target.name(),
        );
        x += 30.0 + target.name().len() as f64 * 6.0;
    }
    let mut y = 36.0;
    for row in rows {
        let middle = y + row.cells.len() as f64 * BAR / 2.0 + 4.0;
        let name = &row.title;
        let _ = writeln!(
            svg,
            r#"<text x="{:.0}" y="{middle:.0}" text-anchor="end">{name}</text>"#,
            LABEL - 8.0
        );
        for cell in &row.cells {
            bar(&mut svg, cell, y, most);
            y += BAR;
        }
        y += GAP;
    }
    svg + "</svg>\n"
}

fn bar(svg: &mut String, cell: &Cell, y: f64, most: f64) {
    let long = (cell.rate.median / most * (WIDTH - LABEL - 130.0)).max(1.0);
    let ratio = cell.ratio.map_or(String::new(), |ratio| format!(" (×{:.1})", ratio.median));
    let _ = writeln!(
        svg,
        r#"<rect class="{}" x="{LABEL}" y="{y:.1}" width="{long:.1}" height="{:.1}"/><text x="{:.1}" y="{:.1}">{}{ratio}</text>"#,
        cell.target.word(),
        BAR - 2.0,
        LABEL + long + 5.0,
        y + BAR - 3.0,
        thousands(cell.rate.median),
    );
}
