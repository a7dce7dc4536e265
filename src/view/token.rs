//! How tokens look: a new one alone on its line, so that it can be piped into a file.

use super::table::{cell, table};
use super::{Report, Style};
use crate::commands::token::{AddReport, ListReport, RevokeReport};
use crate::flow::name::NodeName;

impl Report for AddReport {
    fn text(&self, _: Style) -> String {
        format!("{}\n", self.token)
    }

    fn notes(&self) -> Vec<String> {
        vec![format!("this is the {} token of {}; it is not shown again", self.kind.as_str(), self.name)]
    }
}

impl Report for ListReport {
    fn text(&self, style: Style) -> String {
        if self.tokens.is_empty() {
            return "there are no tokens: nothing can be changed over HTTP\n".into();
        }
        let nodes = |nodes: &[NodeName]| nodes.iter().map(NodeName::as_str).collect::<Vec<_>>().join(", ");
        let row = |t: &crate::commands::token::Known| {
            vec![
                cell(&t.name),
                cell(t.kind.as_str()),
                cell(nodes(&t.nodes)),
                cell(t.created_at.to_string()),
                cell(&t.created_by),
            ]
        };
        table(style, &["name", "kind", "nodes", "made", "by"], self.tokens.iter().map(row).collect())
    }
}

impl Report for RevokeReport {
    fn text(&self, _: Style) -> String {
        format!("revoked the token {} and its sessions\n", self.name)
    }
}
