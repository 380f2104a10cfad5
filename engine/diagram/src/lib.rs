//! Draws workflows as SVG: steps in the order in which they can run, from top to bottom, subworkflows as boxes with
//! their own steps inside, scatters as stacks, conditional steps with a dashed border.

mod layers;
mod layout;
mod render;

use sluis_cwl::Process;

use layout::Drawing;

/// The process as an SVG document that needs nothing else: neither fonts nor styles nor scripts from elsewhere.
///
/// A tool is drawn as a workflow with one step.
pub fn svg(process: &Process) -> String {
    let drawing = match process {
        Process::Workflow(workflow) => Drawing::of_workflow(workflow),
        tool => Drawing::of_tool(tool),
    };
    render::document(&drawing, process.about().label.as_deref().unwrap_or(process.name()))
}
