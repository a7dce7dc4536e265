//! How a plan looks: what will run, where, in order, as it will run.

use super::{Report, Style, Tone, clean};
use crate::commands::plan::{PlanReport, Planned};
use crate::exit::Exit;
use crate::flow::plan::{Phase, Plan};
use crate::flow::time::span;

/// Returns a plan as numbered commands with its digest.
pub fn plan(style: Style, plan: &Plan) -> String {
    let mut text = String::new();
    for (n, step) in plan.steps.iter().enumerate() {
        let place = step.cwd.as_ref().map_or(String::new(), |cwd| format!(" in {cwd}"));
        let fetch = if step.phase == Phase::Fetch { ", disturbs nothing" } else { "" };
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
    text + &format!("  digest {}\n", clean(&plan.digest))
}

/// Returns the plan of one action, or why there is none.
pub fn planned(style: Style, planned: &Planned) -> String {
    let mut text = match (&planned.plan, &planned.error) {
        (Some(made), _) => plan(style, made),
        (None, Some(error)) => format!("  no plan: {}\n", clean(error)),
        (None, None) => String::new(),
    };
    if let Some(pinned) = &planned.pinned {
        let line = format!("  approved was another plan, {pinned}: it will be refused when it is its turn");
        text += &format!("{}\n", style.paint(&clean(&line), Tone::Bad));
    }
    text
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
