//! What every client here has in common: whom it trusts, and how it says what went wrong on the line.

use std::io::ErrorKind;
use std::sync::OnceLock;

use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::typestate::AgentScope;

use crate::say;

/// An agent to be set up further, for `server`: it trusts whom the system trusts, or whom `SSL_CERT_FILE` and `SSL_CERT_DIR` name. A status is
/// an answer, and a redirect is told and not followed.
pub(crate) fn agent(server: &str) -> ConfigBuilder<AgentScope> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("cairn/", env!("CARGO_PKG_VERSION")));
    if server.starts_with("https://") {
        config.tls_config(TlsConfig::builder().root_certs(trusted()).build())
    } else {
        config
    }
}

/// Read once: there are a few hundred.
fn trusted() -> RootCerts {
    static TRUSTED: OnceLock<RootCerts> = OnceLock::new();
    let read = || {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            say::complain(&format!("certificates that this machine trusts can't be read: {error}"));
        }
        if found.certs.is_empty() {
            // A machine without a store of its own: Mozilla's list, which is built in.
            return RootCerts::WebPki;
        }
        found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).into()
    };
    TRUSTED.get_or_init(read).clone()
}

/// How connections end.
const ENDS: [(ErrorKind, &str); 7] = [
    (ErrorKind::ConnectionRefused, "nobody listens there (connection refused)"),
    (ErrorKind::ConnectionReset, "the connection broke off"),
    (ErrorKind::UnexpectedEof, "the connection broke off"),
    (ErrorKind::BrokenPipe, "the connection broke off"),
    (ErrorKind::NetworkUnreachable, "there is no way to it"),
    (ErrorKind::HostUnreachable, "there is no way to it"),
    (ErrorKind::TimedOut, "it takes too long"),
];

/// Why there was no answer.
pub(crate) fn reason(error: &ureq::Error) -> String {
    let text = error.to_string();
    let known = if let ureq::Error::Io(error) = error {
        ENDS.iter().find(|(kind, _)| *kind == error.kind()).map(|(_, reason)| *reason)
    } else if matches!(error, ureq::Error::HostNotFound) {
        Some("there is no host of that name")
    } else {
        matches!(error, ureq::Error::Timeout(_)).then_some("it takes too long")
    };
    let is_unknown = text.contains("failed to lookup address").then_some("there is no host of that name");
    known.or(is_unknown).or_else(|| of_certificate(&text)).map_or(text, str::to_owned)
}

/// Whether the server was there, and is not believed to be who it says.
pub(crate) fn is_of_certificate(error: &ureq::Error) -> bool {
    of_certificate(&error.to_string()).is_some()
}

fn of_certificate(text: &str) -> Option<&'static str> {
    let reasons = [
        (
            "UnknownIssuer",
            "this machine does not trust who signed its certificate (a file with the certificate of an authority of your own is named \
             by SSL_CERT_FILE)",
        ),
        ("CaUsedAsEndEntity", "its certificate is one of an authority, and may not stand for a server"),
        ("NotValidForName", "its certificate is for another name"),
        ("not valid for name", "its certificate is for another name"),
        ("Expired", "its certificate is over time"),
        ("expired", "its certificate is over time"),
        ("NotValidYet", "its certificate is not valid yet: is the clock right?"),
        ("not valid yet", "its certificate is not valid yet: is the clock right?"),
        ("InvalidContentType", "it does not speak TLS there: does the address begin with http:// instead?"),
    ];
    reasons.iter().find(|(mark, _)| text.contains(mark)).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_line_is_said_in_words() {
        let io = |kind: ErrorKind| reason(&ureq::Error::Io(kind.into()));
        assert!(io(ErrorKind::ConnectionRefused).contains("nobody listens"));
        assert!(
            io(ErrorKind::PermissionDenied).contains("permission"),
            "{}",
            io(ErrorKind::PermissionDenied)
        );
        let certificate = std::io::Error::other("invalid peer certificate: UnknownIssuer");
        assert!(reason(&ureq::Error::Io(certificate)).contains("SSL_CERT_FILE"));
        assert!(reason(&ureq::Error::HostNotFound).contains("no host of that name"));
    }
}
