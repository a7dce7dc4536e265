//! Whose certificates are believed: the system's authorities, or those of one file and no others.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::crypto::{CryptoProvider, KeyProvider, ring};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use rustls::{CertificateError, Error};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::WireError;

/// What to do about a certificate that is not believed.
pub const ADVICE: &str =
    "renew it, or name the file of the certificate to believe with --ca; see also this machine's clock";

/// Returns the settings of TLS: the certificates of a file, else the system's.
pub fn config(ca: Option<&Path>) -> Result<TlsConfig, WireError> {
    let roots = match ca {
        Some(path) => Arc::new(of_file(path)?),
        None => system()?,
    };
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(roots))
        .unversioned_rustls_crypto_provider(Arc::new(crypto()))
        .build())
}

/// Returns ring's cryptography but for what proves who a client is: tokens do that here, and the code of private keys
/// is of no use.
fn crypto() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![ring::kx_group::X25519, ring::kx_group::SECP256R1],
        key_provider: &NoKeys,
        ..ring::default_provider()
    }
}

/// Has no private keys.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General("certificates of clients are not supported".into()))
    }
}

fn of_file(path: &Path) -> Result<Vec<Certificate<'static>>, WireError> {
    let fail = |why: String| {
        let advice = "--ca takes a file of certificates in PEM (-----BEGIN CERTIFICATE-----)";
        WireError::new(format!("cannot take certificates from {}: {why}", path.display()), advice)
    };
    let bytes = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&bytes) {
        if let PemItem::Certificate(certificate) = item.map_err(|e| fail(e.to_string()))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() { Err(fail("there are none in it".into())) } else { Ok(certificates) }
}

/// Returns the authorities that this system believes, read once.
fn system() -> Result<Arc<Vec<Certificate<'static>>>, WireError> {
    static SYSTEM: OnceLock<Arc<Vec<Certificate<'static>>>> = OnceLock::new();
    let roots = SYSTEM.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs().certs;
        Arc::new(found.iter().map(|der| Certificate::from_der(der).to_owned()).collect())
    });
    match roots.is_empty() {
        false => Ok(Arc::clone(roots)),
        true => Err(WireError::new(
            "this system believes no certificate authority at all",
            "install its package `ca-certificates`, or name a file with --ca",
        )),
    }
}

/// Returns the error of TLS that an error of the connection carries.
pub fn of_io(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// Says why there is no encrypted connection.
pub fn explain(error: &Error, ca: Option<&Path>) -> String {
    let Error::InvalidCertificate(why) = error else { return error.to_string() };
    match why {
        CertificateError::UnknownIssuer => match ca {
            Some(path) => format!("its certificate is not signed by the one in {}", path.display()),
            None => "its certificate is signed by nobody whom this system believes".into(),
        },
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name".into()
        }
        other => format!("its certificate is not sound: {other}"),
    }
}
