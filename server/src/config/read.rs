//! Reads settings from their sources and checks them, naming what is wrong and where.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::{Config, GuestFacts, GuestRates, KnownHost, Networks, PublicUrl, SETTINGS, Setting};
use crate::access::NetworksError;

/// A setting, or the file with them, can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{path} can't be read: {source}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, or holds something else than settings.
    #[error("{path}: {detail}")]
    Form {
        /// Which file.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// A value is not allowed.
    #[error("{origin}: \"{value}\" is not allowed: {detail}")]
    Value {
        /// The option, variable or key.
        origin: String,
        /// What it says.
        value: String,
        /// What it must be.
        detail: String,
    },
}

/// Values from the command line, by key: they come before all others.
pub type Given = BTreeMap<&'static str, String>;

impl Config {
    /// Reads every setting: `given`, then `variable` (the environment), then `file`, then the defaults. A file
    /// that was not asked for may be absent.
    pub fn read(
        given: &Given,
        variable: impl Fn(&str) -> Option<String>,
        file: &Path,
        asked_for: bool,
    ) -> Result<Self, ConfigError> {
        let stored = read_file(file, asked_for)?;
        let source = Source { given, variable: &variable, stored: &stored, file };
        Ok(Self {
            listen: source.parse("listen", "it must be ADDRESS:PORT")?,
            data: source.text("data").0.into(),
            page: source.optional("page").map(Into::into),
            public_url: source.public_url()?,
            hosts: source.hosts()?,
            guests: source.parse("guests", "it must be true or false")?,
            local_upload: source.parse("local_upload", "it must be auto, true or false")?,
            trusted_proxies: source.trusted_proxies()?,
            dedup: source.parse("dedup", "it must be members, owner or off")?,
            session_ttl: source.span("session_ttl")?,
            sweep_every: source.span("sweep_every")?,
            delete_after: source.span("delete_after")?,
            checkpoint_bytes: source.parse("checkpoint_bytes", "it must be a number of bytes")?,
            answer_idle: source.span("answer_idle")?,
            index: source.parse("index", "it must be sled or redb")?,
            compress: source.parse("compress", "it must be true or false")?,
            body_idle: source.span("body_idle")?,
            download_ahead_bytes: source.parse("download_ahead_bytes", "it must be a number of bytes")?,
            head_time: source.span("head_time")?,
            address_connections: source.parse("address_connections", "it must be a number; 0 is no limit")?,
            rates: GuestRates::read(&source)?,
            guest_facts: GuestFacts::read(&source)?,
        })
    }
}

fn read_file(path: &Path, asked_for: bool) -> Result<BTreeMap<String, String>, ConfigError> {
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !asked_for => {
            return Ok(BTreeMap::new());
        }
        Err(source) => return Err(ConfigError::File { path: name, source }),
    };
    let form = |detail: String| ConfigError::Form { path: name.clone(), detail };
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| form(error.to_string()))?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        if !SETTINGS.iter().any(|setting| setting.key == key) {
            let known: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
            return Err(form(format!("unknown key \"{key}\"; there are {}", known.join(", "))));
        }
        let text = match &value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Boolean(value) => value.to_string(),
            toml::Value::Array(items) => {
                items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(",")
            }
            toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Datetime(_)
            | toml::Value::Table(_) => {
                return Err(form(format!("\"{key}\" must be a text or true or false, not {value}")));
            }
        };
        values.insert(key, text);
    }
    Ok(values)
}

pub(super) struct Source<'a> {
    given: &'a Given,
    variable: &'a dyn Fn(&str) -> Option<String>,
    stored: &'a BTreeMap<String, String>,
    file: &'a Path,
}

impl Source<'_> {
    /// A setting's value, and where it comes from.
    fn text(&self, key: &'static str) -> (String, String) {
        if let Some(value) = self.given.get(key) {
            return (value.clone(), format!("--{}", key.replace('_', "-")));
        }
        let setting = SETTINGS.iter().find(|setting| setting.key == key);
        let (variable, default) =
            setting.map_or(("", ""), |Setting { variable, default, .. }| (*variable, *default));
        if let Some(value) = (self.variable)(variable) {
            return (value, variable.to_owned());
        }
        match self.stored.get(key) {
            Some(value) => (value.clone(), format!("{}: {key}", self.file.display())),
            None => (default.to_owned(), key.to_owned()),
        }
    }

    fn optional(&self, key: &'static str) -> Option<String> {
        Some(self.text(key).0).filter(|value| !value.is_empty())
    }

    pub(super) fn parse<T: std::str::FromStr>(
        &self,
        key: &'static str,
        detail: &str,
    ) -> Result<T, ConfigError> {
        let (value, origin) = self.text(key);
        value.parse().map_err(|_| ConfigError::Value { origin, value, detail: detail.to_owned() })
    }

    pub(super) fn span(&self, key: &'static str) -> Result<Duration, ConfigError> {
        let (value, origin) = self.text(key);
        match humantime::parse_duration(&value) {
            Ok(span) if !span.is_zero() => Ok(span),
            _ => Err(ConfigError::Value {
                origin,
                value,
                detail: "it must be a time such as 90s, 15m or 72h".to_owned(),
            }),
        }
    }

    fn public_url(&self) -> Result<Option<PublicUrl>, ConfigError> {
        let (value, origin) = self.text("public_url");
        if value.trim().is_empty() {
            return Ok(None);
        }
        let read = value.trim().parse();
        read.map(Some).map_err(|detail: &str| ConfigError::Value { origin, value, detail: detail.to_owned() })
    }

    fn hosts(&self) -> Result<Vec<KnownHost>, ConfigError> {
        let (text, origin) = self.text("hosts");
        self.some_between_commas("hosts", "names such as files.lan or *.home.lan")?;
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let read = |name: &str| {
            name.parse().map_err(|detail: &str| ConfigError::Value {
                origin: origin.clone(),
                value: name.to_owned(),
                detail: detail.to_owned(),
            })
        };
        names.map(read).collect()
    }

    fn trusted_proxies(&self) -> Result<Networks, ConfigError> {
        let (value, origin) = self.text("trusted_proxies");
        self.some_between_commas("trusted_proxies", "IP addresses or networks such as 10.0.0.0/8")?;
        value.parse().map_err(|error: NetworksError| ConfigError::Value {
            origin,
            value,
            detail: error.to_string(),
        })
    }

    /// Nobody means nothing by commas alone.
    fn some_between_commas(&self, key: &'static str, such: &str) -> Result<(), ConfigError> {
        let (value, origin) = self.text(key);
        if value.trim().is_empty() || value.split(',').any(|item| !item.trim().is_empty()) {
            return Ok(());
        }
        let detail = format!("there is nothing between its commas; it must be {such}, or nothing at all");
        Err(ConfigError::Value { origin, value, detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        given: &[(&'static str, &str)],
        variables: &[(&str, &str)],
        file: &str,
    ) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cairn.toml");
        std::fs::write(&path, file).unwrap();
        let given = given.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let variable =
            |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Config::read(&given, variable, &path, true).map_err(|error| error.to_string())
    }

    #[test]
    fn command_line_beats_environment_beats_file_beats_default() {
        let config = read(&[], &[], "").unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.session_ttl, Duration::from_secs(72 * 3_600));
        let config = read(&[], &[], "session_ttl = \"1h\"\nguests = true\nhosts = [\"a\", \"b\"]").unwrap();
        assert_eq!((config.session_ttl.as_secs(), config.guests, config.hosts.len()), (3_600, true, 2));
        let config = read(&[], &[("CAIRN_SESSION_TTL", "2s")], "session_ttl = \"1h\"").unwrap();
        assert_eq!(config.session_ttl.as_secs(), 2);
        let config = read(&[("listen", "[::1]:0")], &[("CAIRN_LISTEN", "0.0.0.0:1")], "").unwrap();
        assert_eq!(config.listen.to_string(), "[::1]:0");
        let config = read(&[], &[("CAIRN_PUBLIC_URL", "https://f.example.org:8443/")], "").unwrap();
        assert_eq!(config.public_url.map(|url| url.host().to_owned()).as_deref(), Some("f.example.org"));
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let wrong = |given, variables, file| read(given, variables, file).unwrap_err();
        assert!(wrong(&[], &[], "sesion_ttl = \"1h\"").contains("unknown key \"sesion_ttl\""));
        assert!(wrong(&[], &[], "guests = 1").contains("\"guests\" must be"));
        assert!(
            wrong(&[], &[("CAIRN_SWEEP_EVERY", "often")], "").starts_with("CAIRN_SWEEP_EVERY: \"often\"")
        );
        assert!(wrong(&[("listen", "here")], &[], "").starts_with("--listen: \"here\""));
        assert!(wrong(&[], &[("CAIRN_DELETE_AFTER", "0s")], "").contains("CAIRN_DELETE_AFTER"));
        assert!(wrong(&[], &[("CAIRN_PUBLIC_URL", "files.example.org")], "").contains("http://"));
        let hosts = wrong(&[], &[("CAIRN_HOSTS", "files.lan, nas.lan:8099")], "");
        assert!(
            hosts.starts_with("CAIRN_HOSTS: \"nas.lan:8099\"") && hosts.contains("without a port"),
            "{hosts}"
        );
        assert!(wrong(&[], &[("CAIRN_TRUSTED_PROXIES", "proxy.lan")], "").contains("10.0.0.0/8"));
        assert!(wrong(&[], &[("CAIRN_TRUSTED_PROXIES", "::1,0.0.0.0/0")], "").contains("any address"));
        for key in ["CAIRN_HOSTS", "CAIRN_TRUSTED_PROXIES"] {
            assert!(read(&[], &[(key, ", ,")], "").unwrap_err().contains("between its commas"));
            assert!(read(&[], &[(key, " ")], "").is_ok() && read(&[], &[(key, "::1,")], "").is_ok());
        }
        assert!(wrong(&[], &[("CAIRN_LOCAL_UPLOAD", "yes")], "").contains("auto, true or false"));
    }
}
