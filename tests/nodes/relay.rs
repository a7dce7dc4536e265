//! A way between two nodes that is slow: a relay on one node's loopback, which delays what goes through and now and
//! then loses an answer on its way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;

use crate::net::Net;

/// The longest delay of a piece.
const DELAY_MS: u64 = 250;
/// Of so many answers one is lost.
const LOSES: u32 = 4;

/// What a relay did.
#[derive(Debug, Default)]
pub struct Relay {
    /// Connections it took.
    pub taken: AtomicU64,
    /// Answers that it let nobody hear.
    pub unheard: AtomicU64,
}

impl Relay {
    /// Begins to relay from a node's loopback to the control plane. Returns its URL there.
    pub fn start(net: &Arc<Net>, node: &'static str, seed: u64) -> (Arc<Relay>, String) {
        let listener = net.listen(node);
        let url = format!("http://{}", listener.local_addr().unwrap());
        let relay = Arc::new(Relay::default());
        // The threads end with the test; they hold no namespace.
        let (net, counts) = (Arc::downgrade(net), Arc::clone(&relay));
        let mut rng = Rng::with_seed(seed);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let (net, counts, rng) = (net.clone(), Arc::clone(&counts), rng.fork());
                counts.taken.fetch_add(1, Ordering::Relaxed);
                std::thread::spawn(move || {
                    let far = net.upgrade().and_then(|net| net.connect(node, "vps", 18180).ok());
                    // Without the control plane the connection just ends.
                    let _ = far.map(|far| counts.pass(near, far, rng));
                });
            }
        });
        (relay, url)
    }

    fn pass(&self, near: TcpStream, far: TcpStream, mut rng: Rng) -> std::io::Result<()> {
        let is_lost = rng.u32(0..LOSES) == 0;
        let (from, to, other) = (near.try_clone()?, far.try_clone()?, rng.fork());
        let there = std::thread::spawn(move || carry(from, to, other, false));
        let came = carry(far, near, rng, is_lost);
        if is_lost && came > 0 {
            self.unheard.fetch_add(1, Ordering::Relaxed);
        }
        let _ = there.join();
        Ok(())
    }
}

/// Carries what comes until one side ends; where it is to be lost, takes the first piece and ends. Returns how much
/// came.
fn carry(mut from: TcpStream, mut to: TcpStream, mut rng: Rng, is_lost: bool) -> usize {
    let (mut buffer, mut came) = ([0; 16 * 1024], 0);
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        came += n;
        std::thread::sleep(Duration::from_millis(rng.u64(0..DELAY_MS)));
        if is_lost || to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    // Both ways: whoever waits on the other side is not let hang.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    came
}
