//! `hlctl man`: the manual pages. Synopsis and options come from the command line's own types, the rest from
//! `pages`; `hlctl-files(5)` is a page of its own in `man/`.

use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::completions::{Text, visible};
use crate::fail::{Advised, Result, fail, usage};
use crate::flow::yaml::nearest;
use crate::store::atomic;

mod pages;

use crate::flow::sort;
use pages::Page;

/// The page of the file formats, written by hand.
const FILES: &str = include_str!("../../man/hlctl-files.5");

/// When the pages' content last changed, as their footer says it.
const DATE: &str = "2026-11-23";

/// Returns the page of a command (`files` for that of the formats, none for hlctl's own), or writes all pages
/// into a folder.
pub fn run(command: Option<&str>, dir: Option<&Path>) -> Result<Text> {
    let pages = all();
    let Some(dir) = dir else {
        let wanted = command.map_or("hlctl".to_owned(), |c| format!("hlctl-{}", c.trim_start_matches("hlctl-")));
        return match pages.iter().find(|(name, _)| stem(name) == wanted) {
            Some((_, text)) => Ok(Text { text: text.clone() }),
            None => Err(unknown(&wanted, &pages)),
        };
    };
    fs_err::create_dir_all(dir).map_err(|e| fail(e.to_string(), "name a folder that you may write to"))?;
    for (name, text) in &pages {
        atomic::write(&dir.join(name), text.as_bytes(), 0o644, None).advised()?;
    }
    Ok(Text { text: format!("{}: wrote {} pages\n", dir.display(), pages.len()) })
}

fn unknown(wanted: &str, pages: &[(String, String)]) -> color_eyre::Report {
    let verb = wanted.trim_start_matches("hlctl-");
    let verbs = pages.iter().map(|(name, _)| stem(name).trim_start_matches("hlctl-"));
    let advice = match nearest(verb, verbs) {
        Some(known) => format!("did you mean `hlctl man {known}`?"),
        None => "see `hlctl --help` for the commands; `hlctl man files` is about the file formats".into(),
    };
    usage(format!("there is no page about {verb:?}"), advice)
}

fn stem(file_name: &str) -> &str {
    file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem)
}

/// Returns every page with its file name.
fn all() -> Vec<(String, String)> {
    let mut root = visible().disable_help_subcommand(true);
    root.build();
    let mut pages = vec![("hlctl-files.5".to_owned(), FILES.to_owned())];
    collect(&root, &mut pages);
    sort::by(&mut pages, Ord::cmp);
    pages
}

fn collect(command: &Command, pages: &mut Vec<(String, String)>) {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    pages.push((format!("{name}.1"), page(command, pages::of(name))));
    for sub in command.get_subcommands() {
        collect(sub, pages);
    }
}

fn page(command: &Command, page: &Page) -> String {
    let man = Man::new(command.clone()).date(DATE).source("hlctl").manual("hlctl manual");
    let mut bytes = Vec::new();
    let generated = man
        .render_title(&mut bytes)
        .and_then(|()| man.render_name_section(&mut bytes))
        .and_then(|()| Man::new(own_options(command)).render_synopsis_section(&mut bytes))
        .and_then(|()| description(page).to_writer(&mut bytes))
        .and_then(|()| man.render_options_section(&mut bytes))
        .and_then(|()| match command.has_subcommands() {
            true => man.render_subcommands_section(&mut bytes),
            false => Ok(()),
        })
        .and_then(|()| rest(page).to_writer(&mut bytes));
    generated.expect("a vector takes every byte");
    tidy(&String::from_utf8_lossy(&bytes))
}

/// Returns a command that shows only what is its own: the rest stands under global options.
fn own_options(command: &Command) -> Command {
    command.clone().mut_args(|argument| {
        let shared = argument.get_help_heading().is_some() || argument.get_id() == "help";
        if shared { argument.hide(true) } else { argument }
    })
}

/// Leaves out what the generator repeats before each part and what mandoc calls empty.
fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut preambles = 0;
    for line in text.lines().map(str::trim_end) {
        if line.starts_with(".ie \\n(.g") || line.starts_with(".el .ds Aq") {
            preambles += 1;
            if preambles > 2 {
                continue;
            }
        }
        let doubled = line == ".br" && lines.last() == Some(&".br");
        if !line.is_empty() && !doubled {
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}

fn description(page: &Page) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["DESCRIPTION"]);
    for (i, paragraph) in page.text.iter().enumerate() {
        if i > 0 {
            roff.control("PP", []);
        }
        roff.text(marked(paragraph));
    }
    roff
}

fn rest(page: &Page) -> Roff {
    let mut roff = Roff::new();
    terms(&mut roff, "ENVIRONMENT", page.environment);
    terms(&mut roff, "FILES", page.files);
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in page.exits {
        roff.control("TP", []);
        roff.text([bold(code.to_string())]);
        roff.text(marked(meaning));
    }
    roff.control("SH", ["EXAMPLES"]);
    for (i, (what, lines)) in page.examples.iter().enumerate() {
        if i > 0 {
            roff.control("PP", []);
        }
        roff.text(marked(what));
        roff.control("PP", []);
        roff.control("RS", ["4"]);
        roff.control("nf", []);
        for line in *lines {
            roff.text([roman(*line)]);
        }
        roff.control("fi", []);
        roff.control("RE", []);
    }
    roff.control("SH", ["SEE ALSO"]);
    let mut line = Vec::new();
    for (i, other) in page.see.iter().enumerate() {
        let (name, section) = other.strip_suffix("(5)").map_or((*other, "(1)"), |name| (name, "(5)"));
        line.extend([roman(if i > 0 { ", " } else { "" }), bold(name), roman(section)]);
    }
    roff.text(line);
    roff
}

fn terms(roff: &mut Roff, title: &str, terms: &[(&str, &str)]) {
    if terms.is_empty() {
        return;
    }
    roff.control("SH", [title]);
    for (term, meaning) in terms {
        roff.control("TP", []);
        roff.text([italic(*term)]);
        roff.text(marked(meaning));
    }
}

/// Returns a text whose parts between backquotes are bold.
fn marked(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate();
    parts.map(|(i, part)| if i % 2 == 1 { bold(part) } else { roman(part) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shown_command_has_a_page_and_every_page_a_command() {
        let mut root = visible().disable_help_subcommand(true);
        root.build();
        let mut names = vec!["hlctl".to_owned()];
        for sub in root.get_subcommands() {
            names.push(format!("hlctl-{}", sub.get_name()));
            names.extend(sub.get_subcommands().map(|s| format!("hlctl-{}-{}", sub.get_name(), s.get_name())));
        }
        sort::by(&mut names, Ord::cmp);
        let mut described: Vec<&str> = pages::all().map(|p| p.name).collect();
        sort::by(&mut described, Ord::cmp);
        assert_eq!(names, described);
    }

    #[test]
    fn an_unknown_page_names_the_nearest() {
        let error = run(Some("obsrve"), None).unwrap_err();
        assert_eq!(crate::fail::verdict(&error).0.as_deref(), Some("did you mean `hlctl man observe`?"));
        assert!(run(Some("files"), None).unwrap().text.contains("HLCTL-FILES"));
        assert!(run(Some("step-gate"), None).is_err());
    }
}
