//! Random words that mean something to a shell, to ssh or to a terminal.
#![allow(clippy::allow_attributes, reason = "each test uses another part of this")]
#![allow(dead_code, reason = "each test uses another part of this")]

const PIECES: [&str; 40] = [
    "$(id)",
    "`id`",
    "${IFS}",
    "$HOME",
    "~",
    "-oProxyCommand=id",
    "--",
    "-",
    ";",
    "&&",
    "|",
    ">",
    "<",
    "*",
    "?",
    "[a]",
    "{a,b}",
    "!",
    "!!",
    "#",
    "%",
    "^",
    "'",
    "\"",
    "\\",
    "\\\\",
    " ",
    "  ",
    "\t",
    "\n",
    "\r",
    "\u{7f}",
    "\u{1b}[31m",
    "ä",
    "\u{202e}",
    "=",
    "a",
    "B",
    "0",
    "\\'",
];

/// Returns a word of any such pieces, or an empty one.
pub fn word(random: &mut fastrand::Rng) -> String {
    (0..random.usize(0..6)).map(|_| PIECES[random.usize(0..PIECES.len())]).collect()
}

/// Returns what can be the name of a folder and stand in a host file as a path: no control characters, no `/`.
pub fn folder(random: &mut fastrand::Rng) -> String {
    let mut word = word(random) + &word(random);
    word.retain(|c| !c.is_control());
    format!("{word}{}", random.alphanumeric())
}

/// Returns a name as nodes and services have it.
pub fn name(random: &mut fastrand::Rng) -> String {
    let rest = (0..random.usize(0..12)).map(|_| match random.usize(0..6) {
        0 => '-',
        1 => '.',
        2 => '_',
        _ => random.alphanumeric(),
    });
    let rest: String = rest.collect();
    format!("{}{rest}", random.alphanumeric())
}

/// Returns a text as a double-quoted scalar of YAML.
pub fn yaml(text: &str) -> String {
    let quoted: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\U{:08x}", u32::from(c)) })
        .collect();
    format!("\"{quoted}\"")
}
