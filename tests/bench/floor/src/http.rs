//! A connection that is kept alive, plain or over TLS.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::Value;

use crate::{Failure, variable};

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A connection to one host, made at the first call.
pub(crate) struct Connection {
    host: String,
    trust: Option<Arc<ClientConfig>>,
    stream: Option<BufReader<Box<dyn Stream>>>,
}

/// An answer.
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|header| header.0 == name).map(|header| header.1.as_str())
    }

    /// The body, where the call was a success.
    pub(crate) fn success(&self, what: &str) -> Result<Value, Failure> {
        if self.status == 200 {
            return Ok(serde_json::from_slice(&self.body)?);
        }
        let body = String::from_utf8_lossy(&self.body);
        Err(format!("{what}: {} {body}", self.status).into())
    }
}

/// What a bundle of certificates makes trusted, where the endpoints speak TLS.
pub(crate) fn trust() -> Result<Option<Arc<ClientConfig>>, Failure> {
    if !variable("AWS_ENDPOINT_URL_DYNAMODB")?.starts_with("https://") {
        return Ok(None);
    }
    let bundle = std::fs::read(variable("SSL_CERT_FILE")?)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bundle) {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(Arc::new(config)))
}

impl Connection {
    pub(crate) fn new(url: &str, trust: Option<Arc<ClientConfig>>) -> Result<Self, Failure> {
        let host = url.split_once("://").ok_or("an endpoint without a scheme")?.1;
        Ok(Self {
            host: host.to_owned(),
            trust,
            stream: None,
        })
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    fn connect(&self) -> Result<Box<dyn Stream>, Failure> {
        let stream = TcpStream::connect(&self.host)?;
        stream.set_nodelay(true)?;
        let Some(config) = &self.trust else {
            return Ok(Box::new(stream));
        };
        let name = self.host.split(':').next().unwrap_or_default().to_owned();
        let client = ClientConnection::new(Arc::clone(config), ServerName::try_from(name)?)?;
        Ok(Box::new(StreamOwned::new(client, stream)))
    }

    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<Answer, Failure> {
        if self.stream.is_none() {
            self.stream = Some(BufReader::new(self.connect()?));
        }
        let stream = self.stream.as_mut().ok_or("no connection")?;
        let mut request = format!("{method} {path} HTTP/1.1\r\ncontent-length: {}\r\n", body.len()).into_bytes();
        if !headers.iter().any(|header| header.0 == "host") {
            write!(request, "host: {}\r\n", self.host)?;
        }
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n")?;
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        stream.get_mut().write_all(&request)?;
        stream.get_mut().flush()?;
        answer(stream)
    }
}

fn answer(stream: &mut impl BufRead) -> Result<Answer, Failure> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).ok_or("the connection has ended")?.parse()?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer {
        status,
        headers,
        body: Vec::new(),
    };
    let length = answer.header("content-length").unwrap_or("0").parse()?;
    answer.body = vec![0; length];
    stream.read_exact(&mut answer.body)?;
    Ok(answer)
}
