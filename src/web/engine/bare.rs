//! The answers that hyper makes by itself to what it cannot read, dressed like all others: it gives them away to nobody
//! but the stream below.

use std::fmt::Write as _;

use crate::web::dress;
use crate::web::message::Refusal;

/// Returns what to send in the place of such an answer. Whose path cannot be read is no page: it gets a problem document.
pub fn in_place_of(answer: &[u8]) -> Option<Vec<u8>> {
    let answer = std::str::from_utf8(answer).ok()?;
    let (before, after) = answer.strip_suffix("\r\n\r\n")?.split_once("\r\ncontent-length: 0")?;
    let status = answer.get(9..12)?.parse().ok()?;
    let detail = if status == 431 { "the head is too large" } else { "the head cannot be read" };
    let response = dress(Refusal::new(status, detail).problem());
    let body = response.body.bytes();
    let mut head = format!("{before}\r\ncontent-length: {}{after}\r\n", body.len());
    for (name, value) in &response.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    Some([head.as_bytes(), b"\r\n", body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_answer_without_a_body_is_replaced() {
        let made =
            in_place_of(b"HTTP/1.1 431 Too\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n").unwrap();
        let text = String::from_utf8(made).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 431 Too\r\nconnection: close\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\ndate: x\r\n", body.len())), "{head}");
        assert!(head.contains("\r\nx-content-type-options: nosniff") && body.contains("\"status\":431"), "{text}");
        for other in ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n", "x"] {
            assert_eq!(in_place_of(other.as_bytes()), None, "{other}");
        }
    }
}
