//! `hlctl demo`: a homelab of small processes in a temporary root, in which things break and are mended by the
//! program's own commands. Removes what it made, however it ends.

use std::path::PathBuf;

use serde::Serialize;

use crate::cli;
use crate::context::Context;
use crate::exit::Exit;
use crate::fail::Result;
use crate::view::{Report, Style, Tone};

mod story;
mod tell;
mod lab;
mod agent;
mod page;
pub mod service;

use lab::Lab;
use tell::{Interrupted, Play, Teller};

/// How the demo ended.
#[derive(Debug, Serialize)]
pub struct DemoReport {
    /// Whether every service and node was well in the end.
    healthy: bool,
    /// Whether the reader turned a repair down, so that not everything can be well.
    turned_down: bool,
    /// Whether it was ended before its end.
    interrupted: bool,
    /// Where everything lies, if it was kept.
    kept: Option<PathBuf>,
}

/// Plays the demo. `play` is how the program runs a command of its own.
pub fn run(cx: &Context, args: &cli::Demo, play: Play) -> Result<DemoReport> {
    let takes_part = !args.script && cx.output.interactive && cx.output.terminal && !cx.output.json;
    let lab = Lab::new()?;
    let inside = lab.context(cx);
    let mut teller = Teller::new(&inside, play)?;
    let told = story::tell(&mut teller, &lab, &inside, takes_part);
    let kept = args.keep.then(|| lab.path().to_owned());
    if args.keep {
        lab.keep()
    } else {
        lab.close()?
    }
    match told {
        Ok(end) => Ok(DemoReport { healthy: end.healthy, turned_down: end.turned_down, interrupted: false, kept }),
        Err(e) if e.is::<Interrupted>() => {
            Ok(DemoReport { healthy: false, turned_down: false, interrupted: true, kept })
        }
        Err(e) => Err(e),
    }
}

impl Report for DemoReport {
    fn text(&self, style: Style) -> String {
        let (words, tone) = match self {
            Self { interrupted: true, .. } => ("The demo was interrupted.", Tone::Attention),
            Self { healthy: true, .. } => ("Every service is healthy.", Tone::Good),
            Self { turned_down: true, .. } => ("What you turned down stays as it is: you decide.", Tone::Attention),
            _ => ("Not every service is healthy.", Tone::Bad),
        };
        let rest = match &self.kept {
            Some(dir) => format!(
                "Its services go on running until their folder is gone:\n\n    \
                 export HLCTL_ROOT={0}/root\n    hlctl status\n    hlctl serve\n    rm -r {0}\n",
                lab::shell_word(dir).unwrap_or_else(|_| dir.display().to_string())
            ),
            None => "The demo's processes and files are gone;\n`hlctl demo --keep` leaves them.\n".to_owned(),
        };
        format!("\n{} {rest}", style.paint(words, tone))
    }

    fn exit(&self) -> Exit {
        if self.healthy || self.turned_down { Exit::Done } else { Exit::Failed }
    }
}
