//! An MQTT broker answers a CONNECT. The two packets are written out here (MQTT 3.1.1, sections 3.1 and 3.2): the
//! maintained codecs weigh more than the rest of the probe.

use std::io::{Read, Write};
use std::time::Instant;

use super::connect::{ConnectError, Stream, until};

/// CONNECT: protocol `MQTT` level 4, a clean session without name or password, 30 s of keep-alive, and the empty
/// client ID, so that no client of the operator's is thrown out.
const CONNECT: [u8; 14] = [0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 0b10, 0, 30, 0, 0];

/// DISCONNECT, so that the broker logs no error.
const DISCONNECT: [u8; 2] = [0xE0, 0];

/// The type of the packet that answers.
const CONNACK: u8 = 0x20;

/// The return code of a broker that is not available.
const UNAVAILABLE: u8 = 3;

/// Greets a broker. One that wants a password, or another version of the protocol, has answered: it is up.
pub fn greet(stream: &mut Stream, end: Instant) -> Result<(), ConnectError> {
    let mut answer = [0; 4];
    if let Err(error) = exchange(stream, &mut answer, end) {
        let otherwise = match ConnectError::from(error) {
            ConnectError::Service(detail) | ConnectError::Node(detail) => detail,
        };
        return Err(stream.why(otherwise));
    }
    match answer {
        [CONNACK, _, _, UNAVAILABLE] => Err(ConnectError::Service("the broker says that it is not available".into())),
        [CONNACK, ..] => Ok(()),
        _ => Err(ConnectError::Service("what answers is no MQTT broker".into())),
    }
}

fn exchange(stream: &mut Stream, answer: &mut [u8], end: Instant) -> std::io::Result<()> {
    until(&stream.socket, end)?;
    stream.socket.write_all(&CONNECT)?;
    let mut got = 0;
    while got < answer.len() {
        until(&stream.socket, end)?;
        match stream.socket.read(&mut answer[got..])? {
            0 => return Err(std::io::Error::other("the connection was closed before an answer")),
            n => got += n,
        }
    }
    let _ = stream.socket.write_all(&DISCONNECT);
    Ok(())
}
