//! Images of a registry: one that does not answer leaves what runs as it is, unless the image never came from it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hlctl::flow::digest::sha256_hex;
use serde_json::json;

use crate::lab::{Lab, SERVES};

/// A registry on loopback that has one image, until it hangs up on everybody.
struct Registry {
    port: u16,
    is_gone: Arc<AtomicBool>,
}

impl Registry {
    /// Serves an image of the lab's engine.
    fn with(lab: &Lab, image: &str) -> Registry {
        let dir = lab.path("saved");
        std::fs::create_dir(&dir).unwrap();
        let file = dir.join("image.tar");
        lab.docker(&["save", "--output", file.to_str().unwrap(), image]);
        let untar = ["-xf", file.to_str().unwrap(), "-C", dir.to_str().unwrap()];
        crate::lab::output(std::process::Command::new("tar").args(untar));
        let saved: serde_json::Value =
            serde_json::from_slice(&std::fs::read(dir.join("manifest.json")).unwrap()).unwrap();
        let mut blobs: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut blob = |path: &serde_json::Value, kind: &str| {
            let bytes = std::fs::read(dir.join(path.as_str().unwrap())).unwrap();
            let (digest, size) = (format!("sha256:{}", sha256_hex(&bytes)), bytes.len());
            blobs.insert(format!("blobs/{digest}"), bytes);
            json!({"mediaType": format!("application/vnd.docker.{kind}"), "size": size, "digest": digest})
        };
        let config = blob(&saved[0]["Config"], "container.image.v1+json");
        let layers = saved[0]["Layers"].as_array().unwrap().iter();
        let layers: Vec<_> = layers.map(|layer| blob(layer, "image.rootfs.diff.tar.gzip")).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        blobs.insert("manifests/".into(), manifest.to_string().into_bytes());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let registry = Registry { port: listener.local_addr().unwrap().port(), is_gone: Arc::default() };
        let is_gone = Arc::clone(&registry.is_gone);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if !is_gone.load(Ordering::Relaxed) {
                    let _ = answer(&stream, &blobs);
                }
            }
        });
        registry
    }

    fn hang_up(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }
}

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Answers the one request of a connection.
fn answer(mut stream: &TcpStream, blobs: &BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let found = blobs.iter().find(|(name, _)| path.contains(name.as_str()));
    let (kind, body) = match found {
        Some((name, body)) if name.starts_with("manifests/") => (MANIFEST, &body[..]),
        Some((_, body)) => ("application/octet-stream", &body[..]),
        None => ("application/json", &b"{}"[..]),
    };
    let digest = format!("sha256:{}", sha256_hex(body));
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nDocker-Content-Digest: {digest}\r\n\
         Docker-Distribution-Api-Version: registry/2.0\r\nConnection: close\r\n\r\n"
    )?;
    if request.starts_with("GET") { stream.write_all(body) } else { Ok(()) }
}

#[test]
fn an_image_of_a_registry_that_is_away_is_not_taken_from_here_and_one_that_was_built_here_is() {
    let Some(lab) = Lab::new("min_healthy: 1s, healthy_deadline: 15s") else { return };
    lab.compose(&["up", "-d", "--build"]);
    let built = format!("{}:latest", lab.service);
    let registry = Registry::with(&lab, &built);
    let repository = format!("127.0.0.1:{}/{}", registry.port, lab.service);
    let text = |image: &str| {
        let script = serde_json::to_string(&SERVES.replace('$', "$$")).unwrap();
        format!("version: '3'\nservices:\n  web:\n    image: {image}\n    command: [sh, -c, {script}]\n")
    };
    lab.commit_compose("two", &text(&format!("{repository}:1")));
    let done = lab.act("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    assert_eq!(done["result"]["hints"], json!(null), "it was pulled: {done} {}", lab.log("redeploy"));

    registry.hang_up();
    let (container, commit) = (lab.container(), lab.commit_compose("three", &text(&format!("{repository}:1"))));
    let done = lab.act("redeploy");
    assert_eq!(
        (&done["result"]["reason"], &done["result"]["failed_step"]),
        (&"fetch_failed".into(), &2.into()),
        "{done} {}",
        lab.log("redeploy")
    );
    assert!(done["result"]["message"].as_str().unwrap().contains("came from a registry"), "{done}");
    assert_eq!(lab.container(), container, "what runs goes on running");
    assert_eq!(lab.head(), commit, "nobody asked for a roll-back");

    // Under another name it is the node's own: no registry has ever given it.
    let own = format!("127.0.0.1:{}/own/{}:1", registry.port, lab.service);
    lab.docker(&["tag", &built, &own]);
    lab.commit_compose("four", &text(&own));
    let done = lab.act("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    assert_eq!(done["result"]["hints"], json!(["images_not_pulled"]), "{done}");
    assert_eq!(done["result"]["facts"]["images_not_pulled"], own.as_str(), "{done}");
    assert!(lab.hlctl_ok(&["show", &lab.id("redeploy")]).contains("images_not_pulled"));
    lab.compose(&["down", "-t", "1"]);
    for image in [own, format!("{repository}:1")] {
        lab.docker(&["rmi", &image]);
    }
}
