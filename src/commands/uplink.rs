//! What the verbs share that speak with the control plane: who it is, and with which token.

use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Result};
use crate::flow::control_plane::ControlPlane;
use crate::wire::{self, Client, Settings};

/// The systemd credential that holds the token, where no file is named.
pub const CREDENTIAL: &str = "hlctl-token";

/// Makes the client that the command line asks for.
pub fn client(cx: &Context, url: &ControlPlane, args: &cli::Uplink) -> Result<Client> {
    let credential = cx.credentials.as_ref().map(|dir| dir.join(CREDENTIAL)).filter(|path| path.exists());
    let file = args.token_file.clone().or(credential);
    let token = file.map(|path| wire::token(&path)).transpose().advised()?;
    let (ca, insecure_http) = (args.ca.clone(), args.insecure_http);
    let settings = Settings { url: url.clone(), token, ca, insecure_http, patience: wire::PATIENCE };
    Client::new(settings).advised()
}
