//! Servers that are not what they should be: nginx with TLS or a redirect before the real one, one that says
//! nothing, one that says what it is told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Returns a port on which nobody listens.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running nginx; ended with its end.
pub struct Nginx(Child);

impl Nginx {
    /// Starts one in a folder with these servers and waits until it listens on the port.
    pub fn start(dir: &Path, servers: &str, port: u16) -> Nginx {
        let at = dir.display();
        let config = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log; events {{}}\n\
             http {{ access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; \
             fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n{servers}\n}}\n"
        );
        std::fs::write(dir.join("nginx.conf"), config).unwrap();
        let nginx = Nginx(
            Command::new("nginx").args(["-p", &at.to_string(), "-c", "nginx.conf", "-e", "stderr"]).spawn().unwrap(),
        );
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "nginx does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Certificates of a house of its own, in a folder.
pub struct House<'a>(pub &'a Path);

impl House<'_> {
    fn openssl(&self, args: &str) {
        let out = Command::new("openssl").current_dir(self.0).args(args.split(' ')).stdin(Stdio::null()).output();
        let out = out.unwrap();
        assert!(out.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&out.stderr));
    }

    /// Makes the certificate of an authority: `NAME.pem`.
    pub fn authority(&self, name: &str) {
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key -out {name}.pem \
             -days 30 -subj /CN={name}"
        ));
    }

    /// Makes a certificate that it signs, for these names and so many days.
    pub fn certificate(&self, name: &str, authority: &str, names: &str, days: i32) {
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key -out {name}.csr -subj /CN=x"
        ));
        std::fs::write(self.0.join("extensions"), format!("subjectAltName={names}\n")).unwrap();
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {authority}.pem -CAkey {authority}.key -CAcreateserial -days {days} \
             -extfile extensions -out {name}.pem"
        ));
    }
}

/// Answers every request with the same bytes; none means that it never answers.
pub fn answering(answer: Option<String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for mut stream in listener.incoming().map(Result::unwrap) {
            let Some(answer) = answer.clone() else {
                silent.push(stream);
                continue;
            };
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
                    head.push(byte[0]);
                }
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    address
}

/// Listens as a line to a server on which somebody listens in. Returns where, and what is said: to the server, and by it.
pub fn overheard(far: SocketAddr) -> (SocketAddr, [Arc<Mutex<Vec<u8>>>; 2]) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, said) = (listener.local_addr().unwrap(), <[Arc<Mutex<Vec<u8>>>; 2]>::default());
    let heard = said.clone();
    let carry = |mut from: TcpStream, mut to: TcpStream, heard: Arc<Mutex<Vec<u8>>>| {
        move || {
            let mut piece = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut piece) {
                heard.lock().unwrap().extend_from_slice(&piece[..n]);
                if to.write_all(&piece[..n]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(std::net::Shutdown::Write);
        }
    };
    // The threads end with the test.
    std::thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let far = TcpStream::connect(far).unwrap();
            let back = carry(far.try_clone().unwrap(), near.try_clone().unwrap(), Arc::clone(&heard[1]));
            std::thread::spawn(carry(near, far, Arc::clone(&heard[0])));
            std::thread::spawn(back);
        }
    });
    (address, said)
}

/// Listens as a line that carries so many bytes a second towards a server. Returns where.
pub fn slow(far: SocketAddr, rate: u32) -> SocketAddr {
    /// What is carried at once: little, so that the pauses are short.
    const PIECE: usize = 256;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // The threads end with the test.
    std::thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let far = TcpStream::connect(far).unwrap();
            let (mut back_from, mut back_to) = (far.try_clone().unwrap(), near.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut back_from, &mut back_to));
            std::thread::spawn(move || {
                let (mut near, mut far, mut piece) = (near, far, [0; PIECE]);
                while let Ok(n @ 1..) = near.read(&mut piece) {
                    std::thread::sleep(Duration::from_secs(1) * n as u32 / rate);
                    if far.write_all(&piece[..n]).is_err() {
                        break;
                    }
                }
                // Whoever gave up is not heard to the end.
                let _ = far.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    address
}
