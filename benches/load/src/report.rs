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

impl Cell {
    pub fn latency_ms(&self, quantile: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * quantile).round() as usize;
        self.latencies.get(at).map_or(f64::NAN, |micros| f64::from(*micros) / 1000.0)
    }
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
                let at = |quantile| cell.latency_ms(quantile);
                write!(out, "  ms p50 {:.2} p99 {:.2} max {:.2}", at(0.5), at(0.99), at(1.0))?;
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
