//! `hlctl digest`: the world as Markdown, made for a model or a forum post: what is wrong first, bounded in size,
//! no secrets.

use serde::Serialize;

use crate::cli;
use crate::context::Context;
use crate::fail::Result;
use crate::flow::mask::mask;
use crate::view::digest;

/// The Markdown.
#[derive(Debug, Serialize)]
pub struct DigestReport {
    /// The text.
    pub markdown: String,
}

/// Makes the digest.
pub fn run(cx: &Context, args: &cli::DigestArgs) -> Result<DigestReport> {
    let root = cx.root()?;
    if root.is_mirror() {
        let text = super::mirror::digest(&root, cx.now());
        return Ok(DigestReport { markdown: digest::bounded(&text, args.max) });
    }
    let summary = super::status::run(cx)?;
    let actions = super::actions::list(cx, &cli::Actions { state: Vec::new() })?;
    let text = digest::markdown(&summary, &actions.entries, cx.now());
    Ok(DigestReport { markdown: digest::bounded(&mask(&text, &cx.secrets), args.max) })
}
