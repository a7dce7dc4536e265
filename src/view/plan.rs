//! How a plan looks: what will run, where, in order, as it will run.

use super::{Report, Style, Tone, clean};
use crate::commands::plan::config::ConfigChange;
use crate::commands::plan::images::ImageChange;
use crate::commands::plan::{PlanReport, Planned};
use crate::exit::Exit;
use crate::flow::plan::{Fetched, Phase, Plan};
use crate::flow::time::span;

/// Returns a plan as numbered commands with its digest.
pub fn plan(style: Style, plan: &Plan) -> String {
    let mut text = String::new();
    for (n, step) in plan.steps.iter().enumerate() {
        let place = step.cwd.as_ref().map_or(String::new(), |cwd| format!(" in {cwd}"));
        let fetch = match (step.phase, step.may_fail) {
            (Phase::Fetch, false) => ", disturbs nothing",
            (Phase::Fetch, true) => ", disturbs nothing and may fail",
            (Phase::Apply, _) => "",
            (Phase::Rollback, _) => ", only if this brings no health",
        };
        let limit = span(i64::try_from(step.timeout_s).unwrap_or(i64::MAX / 1000).saturating_mul(1000));
        let words = shlex::try_join(step.argv.iter().map(String::as_str)).unwrap_or_else(|_| step.argv.join(" "));
        text += &format!("  {}. {}\n", n + 1, style.bold(&clean(&words)));
        let line = format!("     on {}{place}, at most {limit}{fetch}", step.on);
        text += &format!("{}\n", style.paint(&clean(&line), Tone::Quiet));
    }
    if let Some(verify) = &plan.verify {
        let after = if verify.on_failure == "rollback" { ", else what ran before is restored" } else { "" };
        let line = format!(
            "  then: healthy for {} s within {} s by {}{after}",
            verify.min_healthy_s, verify.healthy_deadline_s, verify.check
        );
        text += &format!("{}\n", clean(&line));
    }
    if !plan.project.is_empty() {
        let files: Vec<&str> = plan.project.iter().map(|source| source.path.as_str()).collect();
        text += &format!("{}\n", style.paint(&clean(&format!("  config from {}", files.join(", "))), Tone::Quiet));
    }
    text + &format!("  digest {}\n", clean(&plan.digest))
}

/// Returns the plan of one action, or why there is none.
pub fn planned(style: Style, planned: &Planned) -> String {
    let mut text = match (&planned.plan, &planned.error) {
        (Some(made), None) => plan(style, made),
        (Some(made), Some(error)) => {
            format!("{}  {}\n", plan(style, made), style.paint(&clean(error), Tone::Bad))
        }
        (None, Some(error)) => format!("  no plan: {}\n", clean(error)),
        (None, None) => String::new(),
    };
    text += &planned.config.as_ref().map_or(String::new(), |change| config(style, change));
    text += &planned.images.iter().map(|image| self::image(style, image)).collect::<String>();
    text += &planned.fetched.as_ref().map_or(String::new(), |fetched| commits(style, fetched));
    if let Some(pinned) = &planned.pinned {
        let line = format!("  approved was another plan, {pinned}: it will be refused when it is its turn");
        text += &format!("{}\n", style.paint(&clean(&line), Tone::Bad));
    }
    text
}

/// Returns what has changed in the rendered config since it was deployed.
fn config(style: Style, change: &ConfigChange) -> String {
    let (word, end) = if change.diff.is_empty() { ("has not changed", "") } else { ("has changed", ":") };
    format!("  the rendered config {word} since the redeploy of {}{end}\n", clean(&change.deployed))
        + &diff(style, &change.diff)
}

/// Returns whether an image is the one that runs.
fn image(style: Style, image: &ImageChange) -> String {
    let short = |id: &str| id.trim_start_matches("sha256:").chars().take(12).collect::<String>();
    let (words, tone) = match (image.deployed.as_deref(), image.now.as_deref()) {
        (Some(deployed), Some(now)) if deployed == now => (format!("has not changed: {}", short(now)), Tone::Quiet),
        (Some(deployed), Some(now)) => {
            (format!("has changed: {} runs, {} is here now", short(deployed), short(now)), Tone::Attention)
        }
        (Some(deployed), None) => (format!("is not here any more: {} runs", short(deployed)), Tone::Attention),
        (None, Some(now)) => (format!("is new: {} is here", short(now)), Tone::Attention),
        (None, None) => ("is new and not here yet".to_owned(), Tone::Attention),
    };
    format!("  {}\n", style.paint(&clean(&format!("the image {} {words}", image.name)), tone))
}

/// Returns the commits that a redeploy brings and how the project's files differ.
fn commits(style: Style, fetched: &Fetched) -> String {
    let head = match fetched.commits.len() {
        0 => format!("no new commit since {}", fetched.from.short()),
        _ => format!("commits since {}, pinned when this is approved:", fetched.from.short()),
    };
    let mut text = format!("  {head} (fetched at {})\n", fetched.at);
    for line in &fetched.commits {
        text += &format!("    {}\n", clean(line));
    }
    text + &diff(style, &fetched.diff)
}

/// Returns a unified diff, coloured on a terminal.
pub fn diff(style: Style, text: &str) -> String {
    let line = |line: &str| {
        let shown = clean(line);
        let toned = match line.as_bytes().first() {
            _ if line.starts_with("+++") || line.starts_with("---") => style.bold(&shown),
            Some(b'+') => style.paint(&shown, Tone::Good),
            Some(b'-') => style.paint(&shown, Tone::Bad),
            Some(b'@') => style.paint(&shown, Tone::Quiet),
            Some(_) | None => shown.to_string(),
        };
        format!("    {toned}\n")
    };
    text.lines().map(line).collect()
}

impl Report for PlanReport {
    fn text(&self, style: Style) -> String {
        if self.plans.is_empty() {
            return "nothing is pending or approved\n".into();
        }
        let one = |p: &Planned| format!("{} ({})\n{}", style.bold(p.id.as_str()), p.state, planned(style, p));
        self.plans.iter().map(one).collect::<Vec<_>>().join("\n")
    }

    fn exit(&self) -> Exit {
        if self.plans.iter().any(|p| p.error.is_some()) { Exit::Failed } else { Exit::Done }
    }
}
