//! `hlctl silence`: holds new actions and notifications of a node or service for a while.

use serde::Serialize;

use super::select;
use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Result, fail, usage};
use crate::flow::desired::Desired;
use crate::flow::mask::mask;
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::silence::Silence;
use crate::store::silences;

/// The silences after the command.
#[derive(Debug, Serialize)]
pub struct SilenceReport {
    /// All that are not over.
    pub silences: Vec<Silence>,
    /// Whether nothing was written.
    pub dry_run: bool,
}

/// Adds a silence, ends one, or lists them.
pub fn run(cx: &Context, args: &cli::Silence) -> Result<SilenceReport> {
    let root = cx.root()?;
    let now = cx.now();
    let Some(target) = &args.target else {
        return Ok(SilenceReport { silences: silences::read(&root, now).advised()?, dry_run: false });
    };
    super::queue::refuse_mirror(&root)?;
    let desired = cx.desired()?;
    let (node, service) = parse(&desired, target)?;
    let same = |s: &Silence| s.node == node && s.service == service;
    if args.end {
        let before = silences::read(&root, now).advised()?;
        if !before.iter().any(same) {
            return Err(fail(format!("{target} is not silenced"), "`hlctl silence` lists the silences"));
        }
        if !args.dry_run {
            silences::change(&root, now, |list| list.retain(|s| !same(s))).advised()?;
        }
    } else {
        let (Some(duration), Some(why)) = (args.duration, &args.why) else {
            return Err(usage(
                "a silence needs an end and a reason",
                "hlctl silence NODE[/SERVICE] --for 2h --why TEXT",
            ));
        };
        let until = now.plus(duration);
        let silence = Silence {
            node: node.clone(),
            service: service.clone(),
            until,
            by: cx.operator(),
            why: mask(why, &cx.knowing(&desired).secrets),
        };
        if args.dry_run {
            return Ok(SilenceReport { silences: vec![silence], dry_run: true });
        }
        silences::change(&root, now, |list| {
            list.retain(|s| !same(s));
            list.push(silence);
        })
        .advised()?;
    }
    Ok(SilenceReport { silences: silences::read(&root, now).advised()?, dry_run: args.dry_run })
}

fn parse(desired: &Desired, target: &str) -> Result<(NodeName, Option<ServiceName>)> {
    let wrong = |e| usage(format!("{e}"), "name NODE or NODE/SERVICE");
    let (node, service) = target.split_once('/').map_or((target, None), |(n, s)| (n, Some(s)));
    let node: NodeName = node.parse().map_err(wrong)?;
    let service: Option<ServiceName> = service.map(|s| s.parse().map_err(wrong)).transpose()?;
    let node = select::known_node(desired, &node)?;
    if let (Some(service), Some(host)) = (&service, desired.hosts.get(&node)) {
        select::known_service(host, service)?;
    }
    Ok((node, service))
}
