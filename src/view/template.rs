//! The template engine, with the few filters that the templates use: each of those it brings is code that the program
//! would carry and never run.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands in a path or a query as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// Returns an engine without templates: a block on a line of its own leaves no blank line.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the default delimiters are sound"));
    environment.add_filter("capitalize_first", capitalize_first);
    environment.add_filter("join", join);
    environment.add_filter("length", |value: Value| value.len());
    environment.add_filter("urlencode", |text: &str| utf8_percent_encode(text, PLAIN).to_string());
    environment
}

/// As `capitalize`, which would make the names in the rest of the sentence small.
fn capitalize_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn join(list: Value, between: &str) -> Result<String, Error> {
    if matches!(list.kind(), ValueKind::None | ValueKind::Undefined) {
        return Ok(String::new());
    }
    let words: Vec<String> = list.try_iter()?.map(|item| item.to_string()).collect();
    Ok(words.join(between))
}
