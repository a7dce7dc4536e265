//! What has changed in a project's rendered Compose config since its last redeploy. The node renders it, and changes
//! nothing by that.

use serde::Serialize;

use super::images::{self, ImageChange};
use crate::context::Context;
use crate::flow::action::ActionType;
use crate::flow::plan::{LOCAL, Plan, What};
use crate::flow::project::{config_diff, normal_config};
use crate::runner::log::read::last_config;
use crate::runner::{Asker, Compose};
use crate::store::actions::Entry;
use crate::store::root::Root;

/// How the config differs from the one that was deployed last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigChange {
    /// The execution that deployed it, as its log is named.
    pub deployed: String,
    /// The unified diff, without secrets; empty where nothing differs.
    pub diff: String,
}

/// Returns the change of a redeploy's config and of its images, where it can be known: one was deployed before, and the
/// node renders the one of now. Other nodes than this one are asked only where a fetch was asked for.
pub fn change(
    cx: &Context,
    root: &Root,
    entry: &Entry,
    plan: &Plan,
    fetch: bool,
) -> Option<(ConfigChange, Vec<ImageChange>)> {
    let ask = plan.asks.iter().find(|ask| ask.what == What::Config)?;
    if entry.action.kind != ActionType::Redeploy || !(fetch || ask.step.on == LOCAL) {
        return None;
    }
    let (deployed, before) = last_config(&root.logs(&entry.action.id))?;
    let compose = Some(Compose::find(&ask.step.on).ok()?);
    let home = cx.home();
    let asker = Asker { asks: &plan.asks, compose, home: home.as_deref() };
    let rendered = asker.answer(What::Config)?;
    let now = normal_config(&rendered, &cx.secrets)?;
    let images = images::changes(&asker, &rendered, &cx.secrets);
    Some((ConfigChange { deployed, diff: config_diff(&before, &now) }, images))
}
