//! Proposals as text: a new `services.yaml`, or the end of one that is there. What stands there stays byte for byte; the
//! result is read again and must say what was there plus what is new, and nothing else.

use super::super::hostfile::{Service, parse_services};
use super::super::name::NodeName;
use super::Proposal;

/// Why a file cannot be added to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAppendable(pub &'static str);

/// How the entries of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Style {
    indent: usize,
    is_list: bool,
}

const NEW: Style = Style { indent: 2, is_list: true };

/// Returns the content of `services.yaml` with the proposals in it; none where they add nothing to what is there.
pub fn services_file(
    node: &NodeName,
    existing: Option<&str>,
    proposals: &[Proposal],
) -> Result<Option<String>, NotAppendable> {
    let Some(before) = existing else {
        let has_entries = proposals.iter().any(|p| p.is_certain);
        let list = if has_entries { "services:" } else { "services: []" };
        let head =
            format!("# What runs on {node}, as `hlctl agent --discover` found it. Read it, then commit it.\n{list}\n");
        let text = format!("{head}{}", entries(NEW, proposals));
        checked(&[], &text, proposals)?;
        return Ok(Some(text));
    };
    let new: Vec<Proposal> = proposals.iter().filter(|p| p.is_certain || !is_told(before, p)).cloned().collect();
    if new.is_empty() {
        return Ok(None);
    }
    let known = parse_services(before).map_err(|_| NotAppendable("it cannot be read"))?;
    let (mut text, style) = opened(before, new.iter().any(|p| p.is_certain))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let more = entries(style, &new);
    text += &if before.contains("\r\n") { more.replace('\n', "\r\n") } else { more };
    checked(&known, &text, &new)?;
    Ok(Some(text))
}

/// Returns whether a comment stands in the file already.
fn is_told(text: &str, proposal: &Proposal) -> bool {
    proposal.remarks.first().is_some_and(|remark| text.contains(remark.as_str()))
}

/// Returns the text ready to be added to, and how its entries are written.
fn opened(text: &str, with_entries: bool) -> Result<(String, Style), NotAppendable> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let is_empty = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let head = lines.iter().position(|line| line.starts_with("services:"));
    let head = head.ok_or(NotAppendable("it has no line that begins with `services:`"))?;
    let rest = lines[head]["services:".len()..].trim();
    let value = rest.split('#').next().unwrap_or_default().trim();
    if value == "[]" {
        // An empty list becomes one with entries; comments may follow it as it is.
        let opened =
            if with_entries { lines[head].replacen("[]", "", 1).replacen(": ", ":", 1) } else { lines[head].into() };
        let all = lines[..head].concat() + &opened + &lines[head + 1..].concat();
        return Ok((all, NEW));
    }
    if !value.is_empty() {
        return Err(NotAppendable("its services stand on one line"));
    }
    let first = lines[head + 1..].iter().find(|line| !is_empty(line));
    let first = first.ok_or(NotAppendable("its services are not there"))?;
    let indent = first.len() - first.trim_start().len();
    Ok((text.to_owned(), Style { indent, is_list: first.trim_start().starts_with('-') }))
}

/// Holds the text against what it must say.
fn checked(known: &[Service], text: &str, proposals: &[Proposal]) -> Result<(), NotAppendable> {
    let certain: Vec<Proposal> = proposals.iter().filter(|p| p.is_certain).cloned().collect();
    let alone =
        if certain.is_empty() { "services: []".into() } else { format!("services:\n{}", entries(NEW, &certain)) };
    let new = parse_services(&alone).map_err(|_| NotAppendable("what was found cannot be written as services"))?;
    let wanted: Vec<&Service> = known.iter().chain(&new).collect();
    let all = parse_services(text).map_err(|_| NotAppendable("with more at its end it could not be read"))?;
    // A service of a list of maps also keeps its name among its settings: only what is said counts.
    let same = all.len() == wanted.len() && all.iter().zip(&wanted).all(|(a, b)| a.is_same(b));
    if same { Ok(()) } else { Err(NotAppendable("with more at its end it would say something else")) }
}

fn entries(style: Style, proposals: &[Proposal]) -> String {
    let mut text = String::new();
    for proposal in proposals {
        let margin = " ".repeat(style.indent);
        for remark in &proposal.remarks {
            // A label may hold anything: nothing of it leaves its line.
            let remark = remark.replace(char::is_control, "?");
            text += &format!("{margin}# {remark}\n");
        }
        let mark = if proposal.is_certain { "" } else { "# " };
        for line in entry(style, proposal) {
            text += &format!("{margin}{mark}{line}\n");
        }
    }
    text
}

fn entry(style: Style, proposal: &Proposal) -> Vec<String> {
    let name = scalar(&proposal.name);
    let settings = proposal.settings.iter().map(|(key, value)| format!("{key}: {value}"));
    match (style.is_list, proposal.settings.is_empty()) {
        (true, true) => vec![format!("- {name}")],
        (true, false) => {
            std::iter::once(format!("- name: {name}")).chain(settings.map(|line| format!("  {line}"))).collect()
        }
        (false, true) => vec![format!("{name}: {{}}")],
        (false, false) => std::iter::once(format!("{name}:")).chain(settings.map(|line| format!("  {line}"))).collect(),
    }
}

/// Returns a new `host.yaml`.
pub fn host_file(node: &NodeName, repo: Option<&str>) -> String {
    let repo = match repo {
        Some(repo) => format!("repo: {}\n", scalar(repo)),
        None => "# The git checkout with the Compose projects; none was found.\n# repo: ~/homelab\n".into(),
    };
    format!(
        "# How {node} is reached, as far as `hlctl agent --discover` knows.\n\
         # Where the control plane is another machine; without it, ssh goes to {node}.\n\
         # ssh: user@{node}\n\
         {repo}\
         # Per cent used at which the disk's pressure is high; without it, agent.disk_high of config.yaml.\n\
         # disk: {{high: 90}}\n"
    )
}

/// Returns a text as a YAML scalar, quoted wherever it could be read as something else.
pub fn scalar(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-');
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(allowed)
        && !reserved.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// Returns words as a YAML list on one line.
pub fn flow(words: &[&str]) -> String {
    format!("[{}]", words.iter().map(|word| scalar(word)).collect::<Vec<_>>().join(", "))
}
