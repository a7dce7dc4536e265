//! How `mirror` tells what it brought.

use super::{Report, Style};
use crate::commands::mirror::MirrorReport;

impl Report for MirrorReport {
    fn text(&self, _: Style) -> String {
        let Self::Done(mirrored) = self else { return String::new() };
        match (mirrored.changed.as_slice(), mirrored.dry_run) {
            ([], _) => format!("nothing new from {}\n", mirrored.from),
            (changed, true) => format!("would write {} from {}\n", changed.join(", "), mirrored.from),
            (changed, false) => format!("wrote {} from {}\n", changed.join(", "), mirrored.from),
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::Busy { root } => vec![format!("another mirror is running on {}: nothing to do", root.display())],
            Self::Done(mirrored) if mirrored.verbose && !mirrored.missing.is_empty() => {
                vec![format!("the control plane has no {} yet", mirrored.missing.join(", "))]
            }
            Self::Done(_) => Vec::new(),
        }
    }
}
