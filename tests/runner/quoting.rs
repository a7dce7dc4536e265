//! Words that go over ssh arrive as they were, whatever shell takes them apart.

use std::process::Command;

use hlctl::flow::ssh::quote;
use proptest::prelude::*;

use crate::needs::program;

/// Returns the words that a shell makes of a quoted line.
fn delivered(shell: &str, words: &[String]) -> Vec<String> {
    let recorder = ["/usr/bin/printf", "%s\\0"].map(str::to_owned);
    let line = quote(&[&recorder[..], words].concat()).unwrap();
    let output = Command::new(shell).args(["-c", &line]).env_remove("LANG").env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(output.status.success(), "{shell}: {line}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.strip_suffix('\0').unwrap().split('\0').map(str::to_owned).collect()
}

fn shells() -> impl Iterator<Item = &'static str> {
    ["sh", "dash", "bash", "zsh", "fish"].into_iter().filter(|shell| {
        *shell == "zsh" && std::path::Path::new("/bin/zsh").exists() || *shell != "zsh" && program(shell)
    })
}

#[test]
fn the_words_that_shells_trip_over_arrive() {
    let words: Vec<String> = [
        "", " ", "\\", "\\\\", "\\'", "'\\''", "\"", "$", "$HOME", "$(id)", "`id`", "!", "^", "a^b", "!!", "~",
        "~root", "*", "?", "[a]", "{a,b}", "(x)", "%self", "=ls", "A=b", "#c", ";", "&&", "|", ">x", "<x", "\n",
        "a\nb", "\t", "\r", "-n", "--", "ä ß", "\u{a0}", "\u{f600}", "\u{fdd0}", "\u{1}", "\u{7f}", "\\n", "a\\", "'",
        "''", "\\$", "$'\\n'", "\"$x\"", "\\\n",
    ]
    .map(str::to_owned)
    .to_vec();
    for shell in shells() {
        assert_eq!(delivered(shell, &words), words, "{shell}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_words_arrive(words in prop::collection::vec("[^\0]{0,12}|[\\\\'\"$`^! \n(){}~*;a]{0,12}", 1..24)) {
        for shell in shells() {
            prop_assert_eq!(&delivered(shell, &words), &words, "{}", shell);
        }
    }
}
