//! What `cairn serve` says once it listens: the addresses that people can open, and who may upload.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use cairn_server::Config;
use qrcodegen::{QrCode, QrCodeEcc};

/// White around a code, in modules (ISO/IEC 18004, quiet zone).
const QUIET: i32 = 4;
/// More addresses than this are no help to anybody.
const SHOWN_MAX: usize = 8;

/// The lines, and the address for a QR code where there is one that other devices can open. `own` are this machine's addresses.
pub(crate) fn greeting(
    config: &Config,
    address: SocketAddr,
    own: &[IpAddr],
) -> (Vec<String>, Option<String>) {
    let open = openable(address, own);
    let mut lines = vec![format!("Cairn is listening on http://{}", open.first().unwrap_or(&address))];
    lines.extend(open.iter().skip(1).map(|address| format!("               and on http://{address}")));
    if let Some(url) = &config.public_url {
        lines.push(format!("People open {url}"));
    }
    lines.push(who_may_upload(config));
    if config.nobody_local().is_none() && !config.guests {
        lines.push(
            "Before a proxy or a tunnel on this machine leads here, set CAIRN_PUBLIC_URL to its address, or CAIRN_LOCAL_UPLOAD=false: \
             some (HAProxy as it comes, plain TCP) can't be told from people on this machine. See docs/OPERATIONS.md."
                .to_owned(),
        );
    }
    let elsewhere = open.iter().find(|address| !address.ip().is_loopback());
    let code = config
        .public_url
        .as_ref()
        .map(ToString::to_string)
        .or_else(|| Some(format!("http://{}", elsewhere?)));
    (lines, code)
}

/// Where a server on `address` can be opened; the first is always there. On every address: this machine's own name for itself
/// first, then those that others can use.
fn openable(address: SocketAddr, own: &[IpAddr]) -> Vec<SocketAddr> {
    if !address.ip().is_unspecified() {
        return vec![address];
    }
    let loopback: IpAddr =
        if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    let mut others: Vec<_> = own.iter().copied().filter(|ip| serves(address, *ip)).collect();
    others.sort_by_key(IpAddr::is_ipv6);
    others.dedup();
    let all = std::iter::once(loopback).chain(others.into_iter().take(SHOWN_MAX));
    all.map(|ip| SocketAddr::new(ip, address.port())).collect()
}

/// Link-local addresses need the name of a network card beside them, which no browser takes.
fn serves(listen: SocketAddr, ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => listen.is_ipv6() && !ip.is_loopback() && !ip.is_unicast_link_local(),
    }
}

fn who_may_upload(config: &Config) -> String {
    let who = match (config.guests, config.nobody_local()) {
        (true, _) => "everybody who reaches this server (CAIRN_GUESTS is true).".to_owned(),
        (false, None) => {
            "whoever is on this machine, and nobody else. CAIRN_GUESTS=true lets in everybody who reaches this server.".to_owned()
        }
        (false, Some(why)) => format!(
            "nobody, because CAIRN_GUESTS is false and {why}. CAIRN_GUESTS=true lets in everybody who reaches this server, \
             CAIRN_LOCAL_UPLOAD=true whoever is on this machine."
        ),
    };
    format!("Who may upload: {who}")
}

/// A QR code for a terminal, two modules above each other in a letter; nothing for a text that is too long.
pub(crate) fn qr(text: &str) -> Option<String> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let range = -QUIET..code.size() + QUIET;
    let rows = range.clone().step_by(2).map(|y| {
        let letters = range.clone().map(|x| match (code.get_module(x, y), code.get_module(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        });
        // Black on white, whatever the terminal's colours are.
        format!("\x1b[30;107m{}\x1b[0m", letters.collect::<String>())
    });
    Some(rows.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn said(settings: &[(&'static str, &str)], address: &str) -> (String, Option<String>) {
        let given = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let mut config = Config::read(&given, |_| None, Path::new("/nowhere/cairn.toml"), false).unwrap();
        config.listen = address.parse().unwrap();
        let own = ["127.0.0.1", "::1", "fe80::1", "2001:db8::5", "192.168.1.5", "169.254.3.3", "10.8.0.2"];
        let own: Vec<IpAddr> = own.iter().map(|ip| ip.parse().unwrap()).collect();
        let (lines, code) = greeting(&config, config.listen, &own);
        (lines.join("\n"), code)
    }

    #[test]
    fn on_every_address_those_that_can_be_opened_are_told() {
        let (text, code) = said(&[], "0.0.0.0:9292");
        assert!(text.starts_with("Cairn is listening on http://127.0.0.1:9292\n"), "{text}");
        assert!(
            text.contains("and on http://192.168.1.5:9292") && text.contains("and on http://10.8.0.2:9292"),
            "{text}"
        );
        assert!(
            !text.contains("0.0.0.0") && !text.contains("2001:db8") && !text.contains("169.254"),
            "{text}"
        );
        assert!(
            text.contains("nobody, because CAIRN_GUESTS is false and other machines reach this server"),
            "{text}"
        );
        assert_eq!(code.as_deref(), Some("http://192.168.1.5:9292"));
        let (text, _) = said(&[], "[::]:9292");
        assert!(
            text.contains("http://[2001:db8::5]:9292") && text.contains("http://192.168.1.5:9292"),
            "{text}"
        );
        assert!(!text.contains("fe80"), "{text}");
    }

    #[test]
    fn on_loopback_people_of_this_machine_may_upload_and_proxies_are_warned_of() {
        let (text, code) = said(&[], "127.0.0.1:8080");
        assert!(text.starts_with("Cairn is listening on http://127.0.0.1:8080\n"), "{text}");
        assert!(text.contains("whoever is on this machine, and nobody else"), "{text}");
        assert!(text.contains("CAIRN_LOCAL_UPLOAD=false"), "{text}");
        assert_eq!(code, None);
    }

    #[test]
    fn who_may_upload_follows_the_settings() {
        let (text, code) = said(&[("public_url", "https://f.example.org")], "127.0.0.1:8080");
        assert!(text.contains("People open https://f.example.org"), "{text}");
        assert!(text.contains("CAIRN_PUBLIC_URL is set. CAIRN_GUESTS=true"), "{text}");
        assert_eq!(code.as_deref(), Some("https://f.example.org"));
        let (text, _) = said(&[("guests", "true")], "127.0.0.1:8080");
        assert!(
            text.contains("everybody who reaches this server") && !text.contains("Before a proxy"),
            "{text}"
        );
        let (text, _) = said(&[("local_upload", "false")], "127.0.0.1:8080");
        assert!(
            text.contains("nobody, because CAIRN_GUESTS is false and CAIRN_LOCAL_UPLOAD is false"),
            "{text}"
        );
    }

    #[test]
    fn a_code_is_a_square_of_half_blocks() {
        let code = qr("http://192.168.1.5:9292").unwrap();
        let widths: Vec<_> =
            code.lines().map(|line| line.chars().filter(|c| " █▀▄".contains(*c)).count()).collect();
        assert!(
            widths.iter().all(|width| *width == widths[0]) && widths[0].div_ceil(2) == widths.len(),
            "{widths:?}"
        );
        assert_eq!(qr(&"x".repeat(10_000)), None);
    }
}
