//! Printing: tables and JSON to standard output, everything else to standard error.

use std::io::{self, Write};

use comfy_table::{Table, presets};
use serde_json::Value as Json;

/// Writes a line to standard output. A reader that went away ends the output quietly, as in any pipe.
pub fn line(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Writes a line to standard error.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes JSON to standard output, indented for people and scripts alike.
pub fn json(value: &Json) {
    line(&format!("{value:#}"));
}

/// A table with a header and no frame.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    table
}

/// Writes a table to standard output.
pub fn print_table(table: &Table) {
    line(&table.trim_fmt());
}

/// The beginning of an address, long enough for people to tell objects apart.
pub fn short(address: &sluis_model::Address) -> String {
    address.to_string().chars().take(15).collect()
}

/// A number of bytes for people.
pub fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}
