//! A plan as a page shows it: what will run where, in the groups in which it runs, and the commits that it brings.

use minijinja::{Value, context};

use super::{clean, stamp};
use crate::commands::plan::Planned;
use crate::flow::plan::{Fetched, LOCAL, Phase, Plan, Step};
use crate::flow::status::count;
use crate::flow::time::{Stamp, span};

/// Most lines of a diff that a page shows.
const DIFF_LINES: usize = 400;

/// Returns a plan that is made now, with what was fetched for it.
pub fn planned(planned: &Planned, now: Stamp) -> Option<Value> {
    let commits = planned.fetched.as_ref().map(|fetched| commits(fetched, now));
    planned.plan.as_ref().map(|plan| with_commits(plan, commits))
}

/// Returns a plan that an action's file keeps.
pub fn kept(plan: &Plan) -> Value {
    with_commits(plan, None)
}

fn with_commits(plan: &Plan, commits: Option<Value>) -> Value {
    let place = plan.steps.first().map(place).filter(|first| plan.steps.iter().all(|step| place(step) == *first));
    let title = |phase| match phase {
        Phase::Fetch => "first, disturbing nothing",
        Phase::Apply => "then",
        Phase::Rollback => "only if that brings no health",
    };
    let groups: Vec<Value> = plan
        .steps
        .chunk_by(|a, b| a.phase == b.phase)
        .map(|steps| {
            let title = (plan.steps.len() > steps.len()).then(|| title(steps[0].phase));
            let back = steps[0].phase == Phase::Rollback;
            context! { title, back, steps => steps.iter().map(|s| step(s, place.is_none())).collect::<Vec<_>>() }
        })
        .collect();
    let verify = plan.verify.as_ref().map(|v| {
        let seconds = |s: u64| span(i64::try_from(s).unwrap_or(i64::MAX / 1000).saturating_mul(1000));
        let by = if v.check == crate::flow::plan::ENGINE {
            "as the engine sees it".into()
        } else {
            format!("by {}", clean(&v.check))
        };
        let after = if v.on_failure == "rollback" { ", else what ran before is restored" } else { "" };
        format!("healthy for {} within {}, {by}{after}", seconds(v.min_healthy_s), seconds(v.healthy_deadline_s))
    });
    context! { digest => plan.digest.clone(), groups, place, verify, commits }
}

/// Returns where a step runs, and for how long at the most.
fn place(step: &Step) -> String {
    let on = if step.on == LOCAL { "this machine".to_owned() } else { clean(&step.on) };
    let cwd = step.cwd.as_deref().map_or(String::new(), |cwd| format!(" in {}", clean(cwd)));
    let limit = span(i64::try_from(step.timeout_s).unwrap_or(i64::MAX / 1000).saturating_mul(1000));
    format!("on {on}{cwd}, at most {limit} a step")
}

fn words(step: &Step) -> Vec<String> {
    step.argv.iter().map(|w| shlex::try_quote(w).map_or_else(|_| w.clone(), |q| q.into_owned())).collect()
}

fn step(step: &Step, with_place: bool) -> Value {
    let words: Vec<String> = words(step).iter().map(|w| clean(w)).collect();
    context! { words, place => with_place.then(|| place(step)), may_fail => step.may_fail }
}

fn commits(fetched: &Fetched, now: Stamp) -> Value {
    let head = match fetched.commits.len() {
        0 => "brings no new commit".to_owned(),
        n => format!("brings {}", count(n, "commit")),
    };
    let list: Vec<Value> = fetched
        .commits
        .iter()
        .map(|line| {
            let (id, subject) = line.split_once(' ').unwrap_or((line, ""));
            context! { id => clean(id), subject => clean(subject) }
        })
        .collect();
    let files: Vec<String> = fetched.diff.lines().filter_map(|l| l.strip_prefix("+++ b/")).map(clean).collect();
    context! { head, list, files, diff => diff(&fetched.diff), at => stamp(fetched.at, now), from => fetched.from.short() }
}

/// Returns the lines of a unified diff, each with the meaning of its sign.
pub fn diff(text: &str) -> Vec<Value> {
    let line = |line: &str| {
        let kind = match line.as_bytes().first() {
            _ if line.starts_with("+++") || line.starts_with("---") => "file",
            Some(b'+') => "more",
            Some(b'-') => "less",
            Some(b'@') => "place",
            Some(_) | None => "",
        };
        context! { kind, text => clean(line) }
    };
    let mut lines: Vec<Value> = text.lines().take(DIFF_LINES).map(line).collect();
    if text.lines().nth(DIFF_LINES).is_some() {
        lines.push(context! { kind => "place", text => "… and more: `hlctl plan` prints all of it" });
    }
    lines
}
