//! Inputs and documents on the web: only from hosts that the site's policy names.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    thread,
};

use crate::test_site::TestSite;

const WORKFLOW: &str = "\
cwlVersion: v1.2
class: Workflow
inputs: {text: {type: File, secondaryFiles: .idx}}
outputs: {out: {type: File, outputSource: count/out}}
steps:
  count: {run: tool.cwl, in: {text: text}, out: [out]}
";

const TOOL: &str = "\
cwlVersion: v1.2
class: CommandLineTool
requirements:
  InlineJavascriptRequirement: {expressionLib: [{$include: library.js}]}
baseCommand: [wc, -c]
inputs:
  text: {type: File, secondaryFiles: .idx}
  beside: {type: File, default: {class: File, location: beside.txt}}
stdin: $(inputs.text.path)
outputs: {out: stdout}
stdout: $(name())-$(inputs.beside.size)
";

/// Serves the documents and inputs of these tests, until the process ends.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = lines.next().unwrap().unwrap();
            lines.take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty())).for_each(drop);
            let (status, body) = match request.split(' ').nth(1).unwrap() {
                "/flow/workflow.cwl" => ("200 OK", WORKFLOW),
                "/flow/tool.cwl" => ("200 OK", TOOL),
                "/flow/library.js" => ("200 OK", "function name() { return 'count'; }"),
                "/flow/beside.txt" => ("200 OK", "1234567"),
                "/data/text.txt?raw=1" => ("200 OK", "0123456789"),
                "/data/text.txt.idx?raw=1" => ("200 OK", "index"),
                _ => ("404 Not Found", ""),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    address
}

/// Lets the site's policy name a host.
fn allow(site: &TestSite, host: &SocketAddr) {
    let path = site.site().join("site.yaml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("remote-hosts: []"), "{text}");
    fs::write(path, text.replace("remote-hosts: []", &format!("remote-hosts: [\"{host}\"]"))).unwrap();
}

#[test]
fn a_workflow_and_its_inputs_come_from_a_host_that_the_policy_names() {
    let host = server();
    let site = TestSite::new();
    allow(&site, &host);
    let job = site.write("job.yml", &format!("text: {{class: File, location: 'http://{host}/data/text.txt?raw=1'}}\n"));
    let ran = site.run(["run", &format!("http://{host}/flow/workflow.cwl"), &job]).json();
    assert_eq!((&ran["out"]["basename"], &ran["out"]["size"]), (&"count-7".into(), &3.into()));
    let log = site.run(["audit", "list", "--json"]).out;
    assert!(log.contains(&format!("\"host\":\"{host}\"")), "{log}");
    let missing = site.write("job.yml", &format!("text: {{class: File, location: 'http://{host}/none'}}\n"));
    site.run(["run", &format!("http://{host}/flow/workflow.cwl"), &missing]).failed(6, &["/none", "404"]);
}

#[test]
fn other_hosts_are_refused_and_the_refusal_is_written_down() {
    let host = server();
    let site = TestSite::new();
    let tool = site.write(
        "tool.cwl",
        "{cwlVersion: v1.2, class: CommandLineTool, baseCommand: cat, inputs: {text: File}, outputs: []}",
    );
    let job = site.write("job.yml", &format!("text: {{class: File, location: 'http://{host}/data/text.txt?raw=1'}}\n"));
    site.run(["run", &tool, &job]).failed(4, &[&format!("the host {host} is not among those"), "remote-hosts"]);
    let log = site.run(["audit", "list", "--json"]).out;
    assert!(log.contains("deny") && log.contains(&host.to_string()), "{log}");
    let workflow = format!("http://{host}/flow/workflow.cwl");
    site.run(["validate", &workflow]).failed(3, &["is not among those that the site's policy names", "remote-hosts"]);
}
