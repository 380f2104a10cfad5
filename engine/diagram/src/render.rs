//! SVG text.

use std::fmt::Write;

use crate::layout::{Drawing, Edge, Kind, LINE, Node, STACK};

const STYLE: &str = "\
    svg{background:#fff;font:13px ui-sans-serif,system-ui,sans-serif}\
    text{fill:#1f2937;text-anchor:middle}\
    .detail{fill:#6b7280;font-size:11px}\
    .edge{fill:none;stroke:#6b7280;stroke-width:1.3;marker-end:url(#arrow)}\
    rect{stroke-width:1.3}\
    .input rect{fill:#e0f2fe;stroke:#0369a1}.output rect{fill:#dcfce7;stroke:#15803d}\
    .tool rect{fill:#fff;stroke:#374151}.expression rect{fill:#fef9c3;stroke:#a16207}\
    .workflow>rect{fill:#f8fafc;stroke:#475569}.operation rect{fill:#f3f4f6;stroke:#9ca3af}\
    .conditional>rect{stroke-dasharray:6 4}";

/// A whole SVG document.
pub fn document(drawing: &Drawing, title: &str) -> String {
    let (width, height) = (drawing.width.ceil(), drawing.height.ceil());
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" \
         refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" \
         fill=\"#6b7280\"/></marker></defs>\n",
        escaped(title)
    );
    add_drawing(&mut out, drawing);
    out.push_str("</svg>\n");
    out
}

fn add_drawing(out: &mut String, drawing: &Drawing) {
    for edge in &drawing.edges {
        add_edge(out, drawing, edge);
    }
    for node in &drawing.nodes {
        add_node(out, node);
    }
}

fn add_edge(out: &mut String, drawing: &Drawing, edge: &Edge) {
    let (from, to) = (&drawing.nodes[edge.from], &drawing.nodes[edge.to]);
    let mut at = (from.x + from.width / 2.0, from.y + from.height);
    let _ = write!(out, "<path class=\"edge\" d=\"M{:.1} {:.1}", at.0, at.1);
    add_line(out, &mut at, from.layer.1);
    for bend in &edge.bends {
        add_curve(out, at, (bend.x, bend.top));
        let _ = write!(out, "V{:.1}", bend.bottom);
        at = (bend.x, bend.bottom);
    }
    // The arrow ends at the last sheet of a stack.
    let top = if to.is_scattered { to.y - 2.0 * STACK } else { to.y };
    let (x, y) = (to.x + to.width / 2.0, to.layer.0.min(top));
    add_curve(out, at, (x, y));
    at = (x, y);
    add_line(out, &mut at, top);
    out.push_str("\"/>\n");
}

fn add_line(out: &mut String, at: &mut (f64, f64), y: f64) {
    if y > at.1 {
        let _ = write!(out, "V{y:.1}");
        at.1 = y;
    }
}

/// A curve that leaves and arrives straight downwards.
fn add_curve(out: &mut String, (x0, y0): (f64, f64), (x1, y1): (f64, f64)) {
    let bend = ((y1 - y0) / 2.0).max(LINE);
    let _ = write!(out, "C{x0:.1} {:.1} {x1:.1} {:.1} {x1:.1} {y1:.1}", y0 + bend, y1 - bend);
}

fn add_node(out: &mut String, node: &Node) {
    let class = match node.kind {
        Kind::Input => "input",
        Kind::Output => "output",
        Kind::Tool => "tool",
        Kind::Expression => "expression",
        Kind::Workflow => "workflow",
        Kind::Operation => "operation",
    };
    let scattered = if node.is_scattered { " scattered" } else { "" };
    let conditional = if node.is_conditional { " conditional" } else { "" };
    let _ = writeln!(
        out,
        "<g class=\"{class}{scattered}{conditional}\" transform=\"translate({:.1} {:.1})\">",
        node.x, node.y
    );
    let round = if matches!(node.kind, Kind::Input | Kind::Output) { 14 } else { 4 };
    let sheets: &[f64] = if node.is_scattered { &[2.0, 1.0, 0.0] } else { &[0.0] };
    for sheet in sheets {
        let shift = sheet * STACK;
        let _ = writeln!(
            out,
            "<rect x=\"{shift:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{round}\"/>",
            -shift, node.width, node.height
        );
    }
    let middle = node.width / 2.0;
    let top = if node.detail.is_empty() { LINE * 1.8 } else { LINE * 1.3 };
    let _ = writeln!(out, "<text x=\"{middle:.1}\" y=\"{top:.1}\">{}</text>", escaped(&node.name));
    if !node.detail.is_empty() {
        let y = LINE * 2.3;
        let _ = writeln!(out, "<text class=\"detail\" x=\"{middle:.1}\" y=\"{y:.1}\">{}</text>", escaped(&node.detail));
    }
    if let Some(inside) = &node.inside {
        let x = (node.width - inside.width) / 2.0;
        let _ = writeln!(out, "<g transform=\"translate({x:.1} {:.1})\">", 3.0 * LINE - LINE / 2.0);
        add_drawing(out, inside);
        out.push_str("</g>\n");
    }
    out.push_str("</g>\n");
}

/// A text as it stands in XML; what XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            control if control.is_control() => {}
            '\u{fffe}' | '\u{ffff}' => {}
            other => out.push(other),
        }
    }
    out
}
