//! Printing: tables and JSON to standard output, everything else to standard error.

use std::io::{self, BufWriter, Read, Write};

use comfy_table::{Table, presets};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

/// Writes a line to standard output. A reader that went away ends the output quietly, as in any pipe.
pub fn line(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Writes a line to standard error.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes all that a reader gives; whoever reads the output may go away before its end.
///
/// # Errors
/// What the reader says.
pub fn copy(reader: &mut impl Read, out: &mut impl Write) -> io::Result<()> {
    let mut buffer = [0; 64 * 1024];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 || out.write_all(&buffer[..count]).is_err() {
            return Ok(());
        }
    }
}

/// Writes JSON to standard output, indented for people and scripts alike.
pub fn json(value: &impl Serialize) {
    write_json(value, PrettyFormatter::new());
}

/// Writes JSON to standard output as one line.
pub fn json_line(value: &impl Serialize) {
    write_json(value, CompactFormatter);
}

fn write_json(value: &impl Serialize, formatter: impl Formatter) {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, PlainNumbers(formatter));
    // As in `line`: what is printed has texts as keys, so only a reader that went away keeps it from being written.
    let _ = value.serialize(&mut serializer);
    let _ = writeln!(out);
}

/// JSON whose numbers have no exponent: what reads a large one as a whole number gets it exactly.
struct PlainNumbers<F>(F);

impl<F: Formatter> Formatter for PlainNumbers<F> {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let text = value.to_string();
        let is_short = !text.contains('.') && text.len() < 16;
        write!(writer, "{text}{}", if is_short { ".0" } else { "" })
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
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
