//! Signature Version 4 of a request without a query.

use std::fmt::Write as _;

use ring::{digest, hmac};

use crate::{Failure, variable};

/// Signs requests with the function's credentials.
pub(crate) struct Signer {
    key: String,
    secret: String,
    token: String,
    region: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

impl Signer {
    /// The credentials that Lambda gives.
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        Ok(Self {
            key: variable("AWS_ACCESS_KEY_ID")?,
            secret: variable("AWS_SECRET_ACCESS_KEY")?,
            token: variable("AWS_SESSION_TOKEN")?,
            region: variable("AWS_REGION")?,
        })
    }

    /// The headers of a request, `extra` among them.
    pub(crate) fn sign(
        &self,
        service: &str,
        method: &str,
        host: &str,
        path: &str,
        extra: &[(&'static str, String)],
        body: &[u8],
    ) -> Vec<(&'static str, String)> {
        let now = jiff::Timestamp::now();
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = now.strftime("%Y%m%d").to_string();
        let mut headers = extra.to_vec();
        headers.push(("host", host.to_owned()));
        headers.push(("x-amz-date", time.clone()));
        headers.push(("x-amz-security-token", self.token.clone()));
        headers.sort_unstable();

        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let lines = lines.concat();
        let request = format!("{method}\n{path}\n\n{lines}\n{names}\n{}", sha256(body));
        let scope = format!("{day}/{}/{service}/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(request.as_bytes()));

        let mut key = mac(format!("AWS4{}", self.secret).as_bytes(), &day);
        for part in [&self.region, service, "aws4_request"] {
            key = mac(key.as_ref(), part);
        }
        let signature = hex(mac(key.as_ref(), &text).as_ref());
        let credential = format!("{}/{scope}", self.key);
        headers.push((
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"),
        ));
        headers
    }
}
