//! Proposals as text: a new `services.yaml`, or one that is there with more in it. What stands there stays byte for byte;
//! the result is read again and must say what was there plus what is new, and nothing else.

use super::super::hostfile::{Service, parse_services};
use super::super::name::NodeName;
use super::Proposal;
use super::merge::{NEW, NotAppendable, Place, Style, document_end, place};

/// Returns the proposals that add something to what is there: an unsure one is told only once.
pub fn news(existing: Option<&str>, proposals: Vec<Proposal>) -> Vec<Proposal> {
    let is_told = |proposal: &Proposal| existing.is_some_and(|text| is_told(text, proposal));
    proposals.into_iter().filter(|p| p.is_certain || !is_told(p)).collect()
}

/// Returns whether an entry stands in the file as a comment, in whichever form.
fn is_told(text: &str, proposal: &Proposal) -> bool {
    let name = scalar(&proposal.name);
    let forms = [format!("- {name}"), format!("- name: {name}"), format!("{name}:"), format!("{name}: {{}}")];
    let comments = text.lines().filter_map(|line| line.trim().strip_prefix('#'));
    comments.map(str::trim).any(|comment| forms.iter().any(|form| comment == form))
}

/// Returns the content of `services.yaml` with the proposals in it; none where there are none for a file that is there.
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
    if proposals.is_empty() {
        return Ok(None);
    }
    let known = parse_services(before).map_err(|_| NotAppendable("it cannot be read"))?;
    let (document, end) = before.split_at(document_end(before));
    let (mut text, more) = added(document, place(document)?, proposals);
    if !text.ends_with('\n') {
        text.push_str(if before.contains("\r\n") { "\r\n" } else { "\n" });
    }
    text += &if before.contains("\r\n") { more.replace('\n', "\r\n") } else { more };
    text += end;
    checked(&known, &text, proposals)?;
    Ok(Some(text))
}

/// Returns a document with what goes into its lines, and the lines that follow it.
fn added(document: &str, place: Place, proposals: &[Proposal]) -> (String, String) {
    let (certain, unsure): (Vec<Proposal>, Vec<Proposal>) = proposals.iter().cloned().partition(|p| p.is_certain);
    match place {
        Place::Lines(style) => (document.to_owned(), entries(style, proposals)),
        Place::Instead(..) if certain.is_empty() => (document.to_owned(), entries(NEW, proposals)),
        // Comments may follow an empty list as it is.
        Place::Instead(from, to) => (document[..from].to_owned() + &document[to..], entries(NEW, proposals)),
        Place::Within { at, is_list, glue } => {
            let items: Vec<String> = certain.iter().map(|p| item(is_list, p)).collect();
            let glue = if items.is_empty() { "" } else { glue };
            let text = format!("{}{glue}{}{}", &document[..at], items.join(", "), &document[at..]);
            let said =
                certain.iter().flat_map(|p| p.remarks.iter().map(move |r| comment(0, &format!("{}: {r}", p.name))));
            (text, said.collect::<String>() + &entries(Style { indent: 0, is_list: true }, &unsure))
        }
    }
}

/// Holds the text against what it must say.
fn checked(known: &[Service], text: &str, proposals: &[Proposal]) -> Result<(), NotAppendable> {
    let certain: Vec<Proposal> = proposals.iter().filter(|p| p.is_certain).cloned().collect();
    let alone =
        if certain.is_empty() { "services: []".into() } else { format!("services:\n{}", entries(NEW, &certain)) };
    let new = parse_services(&alone).map_err(|_| NotAppendable("what was found cannot be written as services"))?;
    let wanted: Vec<&Service> = known.iter().chain(&new).collect();
    let all = parse_services(text).map_err(|_| NotAppendable("with more in it, it could not be read"))?;
    // A service of a list of maps also keeps its name among its settings: only what is said counts.
    let same = all.len() == wanted.len() && all.iter().zip(&wanted).all(|(a, b)| a.is_same(b));
    if same { Ok(()) } else { Err(NotAppendable("with more in it, it would say something else")) }
}

/// Returns a line of comment. A label may hold anything: nothing of it leaves its line.
fn comment(indent: usize, text: &str) -> String {
    format!("{}# {}\n", " ".repeat(indent), text.replace(char::is_control, "?"))
}

fn entries(style: Style, proposals: &[Proposal]) -> String {
    let mut text = String::new();
    for proposal in proposals {
        let margin = " ".repeat(style.indent);
        text.extend(proposal.remarks.iter().map(|remark| comment(style.indent, remark)));
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

/// Returns an entry as it stands between others within brackets.
fn item(is_list: bool, proposal: &Proposal) -> String {
    let name = scalar(&proposal.name);
    let settings = proposal.settings.iter().map(|(key, value)| format!("{key}: {value}"));
    match (is_list, proposal.settings.is_empty()) {
        (true, true) => name,
        (true, false) => {
            format!("{{{}}}", std::iter::once(format!("name: {name}")).chain(settings).collect::<Vec<_>>().join(", "))
        }
        (false, _) => format!("{name}: {{{}}}", settings.collect::<Vec<_>>().join(", ")),
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
