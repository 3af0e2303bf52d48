//! Just enough of HTTP/1.1 to be talked to by SDKs: requests with a length, answers with a length, connections kept alive.

use std::io::{self, BufRead, Write};

/// The longest request that anybody sends here.
const MOST_BYTES: usize = 1024 * 1024;

/// A request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: String,
    /// The path with its query.
    pub(crate) path: String,
    /// What it asks of DynamoDB: the operation at the end of `X-Amz-Target`.
    pub(crate) operation: Option<String>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status and reason, such as `200 OK`.
    pub(crate) status: &'static str,
    /// Headers besides the length.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Reads the next request; `None` where the connection has ended instead.
pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Request>> {
    let first = line(from)?;
    let mut words = first.split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        ..Request::default()
    };
    let mut length = 0;
    loop {
        let header = line(from)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| invalid("a header without a colon"))?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                let number = value.trim().parse();
                length = number.map_err(|_| invalid("a length that is no number"))?;
            }
            "transfer-encoding" => return Err(invalid("a body without a length")),
            "x-amz-target" => request.operation = value.rsplit('.').next().map(|name| name.trim().to_owned()),
            _ => {}
        }
    }
    if length > MOST_BYTES {
        return Err(invalid("a request that is too long"));
    }
    request.body = vec![0; length];
    from.read_exact(&mut request.body)?;
    Ok(Some(request))
}

/// Sends an answer in one write, as a load balancer would.
pub(crate) fn write(to: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let mut bytes = format!(
        "HTTP/1.1 {}\r\ncontent-length: {}\r\n",
        answer.status,
        answer.body.len()
    )
    .into_bytes();
    for (name, value) in &answer.headers {
        bytes.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&answer.body);
    to.write_all(&bytes)?;
    to.flush()
}
