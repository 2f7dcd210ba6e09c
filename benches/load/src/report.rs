//! What was measured, as Markdown.

use std::fmt::{self, Write as _};

use crate::server::Target;

/// Median, lowest and highest.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    pub fn of(mut values: Vec<f64>) -> Spread {
        values.sort_unstable_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        Spread { median: at(values.len() / 2), low: at(0), high: at(values.len().max(1) - 1) }
    }
}

pub struct Row {
    pub name: String,
    /// For people.
    pub title: String,
    pub cells: Vec<Cell>,
}

/// One server in one shape.
pub struct Cell {
    pub target: Target,
    /// Deliveries per second.
    pub rate: Spread,
    /// To mosquitto's rate.
    pub ratio: Option<Spread>,
    pub server_cpu_us: Spread,
    pub own_load: f64,
    pub lost: u64,
    /// Microseconds, in order.
    pub latencies: Vec<u32>,
}

/// Deliveries per second of each server, and how they compare with mosquitto's.
pub fn throughput(rows: &[Row]) -> Table {
    let mut table = Table::new(
        "Deliveries per second, and in brackets the ratio to mosquitto's in the same rounds (median, lowest to highest); µs of the server's processor for a delivery",
        &["shape"],
    );
    head(&mut table, rows);
    for row in rows {
        put(&mut table, rows, row, |cell| {
            let (rate, cpu) = (thousands(cell.rate.median), cell.server_cpu_us.median);
            match cell.ratio {
                Some(ratio) if cell.target != Target::Mosquitto => format!(
                    "{rate} (**{:.1}**, {:.1} to {:.1}); {cpu:.2} µs",
                    ratio.median, ratio.low, ratio.high
                ),
                _ => format!("{rate}; {cpu:.2} µs"),
            }
        });
    }
    table
}

/// How soon each server delivers at one load, and what that costs it.
pub fn latency(rows: &[Row]) -> Table {
    let mut table = Table::new(
        "ms from sending to receiving, p50 / p99 / highest; µs of the server's processor for a delivery",
        &["load"],
    );
    head(&mut table, rows);
    for row in rows {
        put(&mut table, rows, row, |cell| {
            let at = |share| millis(quantile(&cell.latencies, share));
            let cpu = cell.server_cpu_us.median;
            format!("{} / {} / {}; {cpu:.1} µs", at(0.5), at(0.99), at(1.0))
        });
    }
    table
}

/// A row under the head of the first; who was not measured in it has a dash.
fn put(table: &mut Table, rows: &[Row], row: &Row, show: impl Fn(&Cell) -> String) {
    let targets = rows.first().map(|first| first.cells.iter().map(|cell| cell.target));
    let cells = targets.into_iter().flatten().map(|target| {
        let cell = row.cells.iter().find(|cell| cell.target == target);
        cell.map_or("–".into(), &show)
    });
    table.rows.push([row.title.clone()].into_iter().chain(cells).collect());
}

fn head(table: &mut Table, rows: &[Row]) {
    let cells = rows.first().map(|row| row.cells.as_slice()).unwrap_or_default();
    table.head.extend(cells.iter().map(|cell| cell.target.name().to_owned()));
}

/// A table of Markdown.
pub struct Table {
    pub title: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(title: &str, head: &[&str]) -> Table {
        let head = head.iter().map(|word| (*word).to_owned()).collect();
        Table { title: title.to_owned(), head, rows: Vec::new() }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}:\n", self.title)?;
        writeln!(out, "| {} |", self.head.join(" | "))?;
        writeln!(out, "|{}", "---|".repeat(self.head.len()))?;
        self.rows.iter().try_for_each(|row| writeln!(out, "| {} |", row.join(" | ")))
    }
}

/// Of values in order, microseconds.
pub fn quantile(values: &[u32], quantile: f64) -> u32 {
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * quantile).round() as usize).copied().unwrap_or(0)
}

/// Microseconds, as milliseconds.
pub fn millis(micros: u32) -> String {
    format!("{:.2}", f64::from(micros) / 1000.0)
}

/// One line for each server, for those who watch.
impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.name)?;
        for cell in &self.cells {
            write!(
                out,
                "  {:<24}{:>12} /s  cpu {:>7.2} us  own {:>4.0} %",
                cell.target.name(),
                thousands(cell.rate.median),
                cell.server_cpu_us.median,
                cell.own_load * 100.0,
            )?;
            if let Some(ratio) = cell.ratio {
                write!(out, "  x{:.2} ({:.2}-{:.2})", ratio.median, ratio.low, ratio.high)?;
            }
            if !cell.latencies.is_empty() {
                let at = |share| millis(quantile(&cell.latencies, share));
                write!(out, "  ms p50 {} p99 {} max {}", at(0.5), at(0.99), at(1.0))?;
            }
            if cell.lost > 0 {
                write!(out, "  LOST {}", cell.lost)?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            let _ = text.write_char(',');
        }
        text.push(digit);
    }
    text
}
