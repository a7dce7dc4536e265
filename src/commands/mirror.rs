//! `hlctl mirror`: brings the world of the control plane here, with its own summary and digest. Whatever fails, what
//! was there stays.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Fail, Result, fail, usage};
use crate::flow::control_plane::ControlPlane;
use crate::flow::drift::{DRIFT_SCHEMA, DriftFile};
use crate::flow::json;
use crate::flow::mirror::{self, MirrorFacts};
use crate::flow::status::{STATUS_SCHEMA, Summary};
use crate::flow::time::{Stamp, span};
use crate::flow::world::{NODES_SCHEMA, Nodes, SERVICES_SCHEMA, Services};
use crate::store::mirror::{self as stored, Tags};
use crate::store::pass::{self, Pass};
use crate::store::root::Root;
use crate::store::world;
use crate::wire::{Answer, Client};

/// What is fetched: the file below `world/`, and where it is.
const FILES: [(&str, &str); 5] = [
    ("services.json", "/api/v1/world/services"),
    ("nodes.json", "/api/v1/world/nodes"),
    ("drift.json", "/api/v1/drift"),
    (SUMMARY, SUMMARY_PATH),
    (DIGEST, "/api/v1/digest"),
];
/// The control plane's own summary.
pub const SUMMARY: &str = "summary.json";
const SUMMARY_PATH: &str = "/summary";
/// The control plane's own digest.
pub const DIGEST: &str = "digest.md";
/// Longest file that is taken, in bytes.
const MOST: u64 = 32 << 20;

/// What a pass did.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum MirrorReport {
    /// Another one is running.
    Busy {
        /// The root of both.
        root: PathBuf,
    },
    /// It asked for everything.
    Done(Mirrored),
}

/// What was brought.
#[derive(Debug, Serialize)]
pub struct Mirrored {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// From where.
    pub from: ControlPlane,
    /// The files that are others than before.
    pub changed: Vec<String>,
    /// The files that the control plane has not made yet.
    pub missing: Vec<String>,
    /// Whether somebody wants to know more.
    #[serde(skip)]
    pub verbose: bool,
}

/// Returns whom to ask: the command line's word, else the environment's.
pub fn source(cx: &Context, args: &cli::Mirror) -> Result<ControlPlane> {
    let given = match (&args.from, &cx.control_plane) {
        (Some(from), _) => return Ok(from.clone()),
        (None, Some(given)) => given,
        (None, None) => {
            return Err(usage("nobody says whom to mirror", "give --from http://HOST:18180, or set CONTROL_PLANE_URL"));
        }
    };
    given.parse().map_err(|e| fail(format!("CONTROL_PLANE_URL: {e}"), "set it to the control plane's URL, or unset it"))
}

/// Runs one pass.
pub fn run(cx: &Context, args: &cli::Mirror) -> Result<MirrorReport> {
    let root = cx.root()?;
    let from = source(cx, args)?;
    if let Some(own) = stored::own(&root).filter(|_| !root.is_mirror()) {
        return Err(fail(
            format!("{} has {own} of its own: a mirror would hide them", root.path().display()),
            format!(
                "mirror into a root of its own: `hlctl --root DIR init`, then `hlctl --root DIR mirror --from {from}`"
            ),
        ));
    }
    let client = super::uplink::client(cx, &from, &args.uplink)?;
    let mut mirrored =
        Mirrored { dry_run: args.dry_run, from, changed: vec![], missing: vec![], verbose: cx.output.verbose > 0 };
    if args.dry_run {
        fetch(&root, &client, cx.now(), &mut mirrored)?;
        return Ok(MirrorReport::Done(mirrored));
    }
    let Some(pass) = Pass::start(&root, "mirror").advised()? else {
        return Ok(MirrorReport::Busy { root: cx.root.clone() });
    };
    match fetch(&root, &client, cx.now(), &mut mirrored) {
        Ok(()) => {
            pass.end(None, BTreeMap::new()).advised()?;
            Ok(MirrorReport::Done(mirrored))
        }
        Err(error) => {
            pass.fail(&error);
            let kept = facts(&root, cx.now()).age_seconds.map_or("nothing was mirrored yet".into(), |age| {
                format!("the world of {} ago stays", span(age.saturating_mul(1000)))
            });
            Err(fail(format!("{error}; {kept}"), error.advice.unwrap_or_default()))
        }
    }
}

/// Fetches all files and writes those that changed.
fn fetch(root: &Root, client: &Client, now: Stamp, mirrored: &mut Mirrored) -> std::result::Result<(), Fail> {
    let mut tags = Tags::read(root, client.url());
    // First, so that nothing of another root's ever lies here unmarked, and that a root that asks itself knows it.
    let is_new = !mirrored.dry_run && !root.is_mirror();
    if is_new {
        stored::mark(root, client.url())?;
    }
    let summary = client.get(SUMMARY_PATH, tags.of(root, SUMMARY), MOST)?;
    if let Some(facts) = mirror_facts(&summary) {
        if is_new {
            stored::unmark(root)?;
        }
        return Err(is_a_mirror(client.url(), &facts));
    }
    if !mirrored.dry_run {
        stored::mark(root, client.url())?;
    }
    let fetched = fetch_into(root, client, now, &mut tags, summary, mirrored);
    if !mirrored.dry_run {
        tags.save(root, fetched.is_ok())?;
    }
    fetched
}

fn fetch_into(
    root: &Root,
    client: &Client,
    now: Stamp,
    tags: &mut Tags,
    summary: Answer,
    mirrored: &mut Mirrored,
) -> std::result::Result<(), Fail> {
    let mut summary = Some(summary);
    // Whether the summary says what it said before, but for ages; the digest then tells the same, too.
    let mut is_same_news = false;
    for (name, path) in FILES {
        let answer = match summary.take_if(|_| name == SUMMARY) {
            Some(answer) => answer,
            None => client.get(path, tags.of(root, name), MOST)?,
        };
        match answer.status {
            200 => {}
            304 => {
                is_same_news |= name == SUMMARY;
                continue;
            }
            404 if name != SUMMARY => {
                mirrored.missing.push(name.to_owned());
                continue;
            }
            _ => return Err(refused(client, &answer)),
        }
        check(name, &answer.body).map_err(|why| {
            Fail::new(
                format!("{} is no control plane that this hlctl knows: {path}: {why}", client.url()),
                "look at the URL; where it is right, use the hlctl of the control plane here too",
            )
        })?;
        let before = stored::read(root, name);
        if name == SUMMARY {
            is_same_news = before.as_deref().is_some_and(|old| mirror::is_same_news(old, &answer.body));
        }
        let is_fresh = stored::taken(root, name).is_some_and(|at| (0..mirror::FRESH_MS).contains(&now.since(at)));
        let is_only_older = [SUMMARY, DIGEST].contains(&name) && is_same_news && is_fresh;
        if is_only_older {
            continue;
        }
        if before.as_ref() != Some(&answer.body) {
            mirrored.changed.push(name.to_owned());
        }
        if !mirrored.dry_run {
            tags.put(root, name, &answer.body, answer.etag)?;
        }
    }
    match mirrored.missing.iter().find(|name| root.world(name).exists()) {
        // What is here stays, but is not as new as what was heard.
        Some(gone) => Err(Fail::new(
            format!("{} no longer has the {gone} that is here", client.url()),
            "run `hlctl observe` and `hlctl reconcile` there; if it is a new control plane, remove the file here",
        )),
        None => Ok(()),
    }
}

/// Returns whom the one that gave this summary mirrors itself.
fn mirror_facts(answer: &Answer) -> Option<MirrorFacts> {
    json::from_bytes::<Summary>(&answer.body).ok().filter(|_| answer.status == 200)?.mirror
}

/// Returns the error of asking a mirror: it answers when its own source is long gone, even if that is this one.
fn is_a_mirror(url: &ControlPlane, facts: &MirrorFacts) -> Fail {
    match &facts.from {
        Some(of) if of != url => Fail::new(format!("{url} is itself a mirror of {of}"), format!("give --from {of}")),
        _ => Fail::new(format!("{url} is itself a mirror"), "give the URL of the control plane with --from"),
    }
}

/// Returns the error of an answer that says no.
fn refused(client: &Client, answer: &Answer) -> Fail {
    let advice = match answer.status {
        401 => "`hlctl token add NAME --reader` on the control plane prints a token: give it with --token-file",
        403 => "the token must be a reader's or an operator's",
        421 => "add the name to `serve: allowed_hosts` of the control plane's config.yaml, or use its address",
        404 => "look at the URL: it is that of the control plane's first page",
        _ => "look at the control plane; the next pass tries it again",
    };
    Fail::new(client.refusal(answer), advice)
}

/// Says what is wrong with a file before it takes the place of a good one.
fn check(name: &str, bytes: &[u8]) -> std::result::Result<(), String> {
    fn of<T: DeserializeOwned>(
        bytes: &[u8],
        schema: impl Fn(&T) -> &str,
        known: &str,
    ) -> std::result::Result<(), String> {
        let value: T = json::from_bytes(bytes).map_err(|e| e.to_string())?;
        match schema(&value) {
            schema if schema == known => Ok(()),
            schema => Err(format!("its schema is {schema:?}, this hlctl knows {known:?}")),
        }
    }
    match name {
        "services.json" => of(bytes, |s: &Services| &s.schema, SERVICES_SCHEMA),
        "nodes.json" => of(bytes, |n: &Nodes| &n.schema, NODES_SCHEMA),
        "drift.json" => of(bytes, |d: &DriftFile| &d.schema, DRIFT_SCHEMA),
        SUMMARY => of(bytes, |s: &Summary| &s.schema, STATUS_SCHEMA),
        _ => std::str::from_utf8(bytes).map(drop).map_err(|e| e.to_string()),
    }
}

/// Returns where what this mirror shows comes from, and how old it is.
pub fn facts(root: &Root, now: Stamp) -> MirrorFacts {
    let heard = stored::heard(root);
    MirrorFacts {
        from: stored::source(root),
        heard,
        age_seconds: heard.map(|at| now.since(at).max(0) / 1000),
        error: pass::last_run(root, "mirror").and_then(|last| last.record.error),
    }
}

/// Returns the control plane's summary as it is now, or one that says that there is none yet.
pub fn summary(root: &Root, now: Stamp) -> Result<Summary> {
    let advice = "run `hlctl mirror` again: it fetches what is missing";
    let mut summary = match stored::read(root, SUMMARY) {
        Some(bytes) => json::from_bytes(&bytes)
            .map_err(|e| fail(format!("cannot read {}: {e}", root.world(SUMMARY).display()), advice))?,
        None => Summary::empty(),
    };
    let (services, nodes) = world::read_both(root).advised()?;
    let taken = stored::taken(root, SUMMARY).unwrap_or(now);
    mirror::bring_up(&mut summary, facts(root, now), (&services, &nodes), taken, now);
    Ok(summary)
}

/// Returns the control plane's digest.
pub fn digest(root: &Root) -> String {
    stored::read(root, DIGEST)
        .map_or("Nothing was mirrored yet.\n".into(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns a digest headed by how old what it tells is.
pub fn headed(root: &Root, text: &str, now: Stamp) -> String {
    let facts = facts(root, now);
    let trouble = facts.attention().map_or(String::new(), |words| format!(" Attention: {words}"));
    format!("> This is a {}.{trouble}\n\n{text}", facts.words())
}
