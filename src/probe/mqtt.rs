//! An MQTT broker answers a CONNECT (MQTT 3.1.1, sections 3.1 and 3.2).

use std::io::{Read, Write};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use mqttbytes_ng::v4::{ConnAck, Connect, ConnectReturnCode, Disconnect};
use mqttbytes_ng::{Error, check};

use super::connect::{ConnectError, Stream, until};

/// How many bytes of a CONNACK follow its length.
const LENGTH: usize = 2;

/// Greets a broker. One that wants a password, or another version of the protocol, has answered: it is up.
pub fn greet(stream: &mut Stream, end: Instant) -> Result<(), ConnectError> {
    let answer = match exchange(stream, end) {
        Ok(answer) => answer,
        Err(error) => {
            let otherwise = match ConnectError::from(error) {
                ConnectError::Service(detail) | ConnectError::Node(detail) => detail,
            };
            return Err(stream.why(otherwise));
        }
    };
    match acknowledgement(&answer) {
        Some(ConnectReturnCode::ServiceUnavailable) => {
            Err(ConnectError::Service("the broker says that it is not available".into()))
        }
        Some(_) => Ok(()),
        None => Err(ConnectError::Service("what answers is no MQTT broker".into())),
    }
}

/// Returns so much of the answer as tells what it is.
fn exchange(stream: &mut Stream, end: Instant) -> std::io::Result<Vec<u8>> {
    // The empty client ID, in a clean session: no client of the operator's is thrown out.
    let greeting = packet(|bytes| Connect::new("").write(bytes));
    until(&stream.socket, end)?;
    stream.socket.write_all(&greeting)?;
    let mut answer = Vec::new();
    while let Err(Error::InsufficientBytes(missing)) = check(answer.iter(), LENGTH) {
        until(&stream.socket, end)?;
        let before = answer.len();
        answer.resize(before + missing, 0);
        match stream.socket.read(&mut answer[before..])? {
            0 => return Err(std::io::Error::other("the connection was closed before an answer")),
            n => answer.truncate(before + n),
        }
    }
    // So that the broker logs no error.
    let _ = stream.socket.write_all(&packet(|bytes| Disconnect.write(bytes)));
    Ok(answer)
}

/// Returns what a CONNACK says; nothing where the bytes are none.
fn acknowledgement(answer: &[u8]) -> Option<ConnectReturnCode> {
    let header = check(answer.iter(), LENGTH).ok()?;
    let said = ConnAck::read(header, Bytes::copy_from_slice(answer)).ok()?;
    // Its type and the bits that have to be 0 are not looked at there.
    (packet(|bytes| said.write(bytes)) == answer).then_some(said.code)
}

fn packet(write: impl FnOnce(&mut BytesMut) -> Result<usize, Error>) -> BytesMut {
    let mut bytes = BytesMut::new();
    // Nothing that is written here can be too long.
    let _ = write(&mut bytes);
    bytes
}
