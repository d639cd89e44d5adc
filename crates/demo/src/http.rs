//! A small HTTP/1.1 client with kept connections, for loopback: `GET` only, bodies of stated length, chunked or to the end.
//!
//! Every request of the fleet goes through it, some thousands a second, so it does no more than it must.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Largest body read, in bytes.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest head read, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Idle connections kept at most.
const IDLE_MAX: usize = 1024;

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body as text, trimmed.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }
}

/// Connections to one server.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    deadline: Duration,
    idle: Mutex<Vec<BufReader<TcpStream>>>,
}

impl Client {
    /// A client of the server at `address`; each request has `deadline` in all.
    pub fn new(address: SocketAddr, deadline: Duration) -> Self {
        Self { address, deadline, idle: Mutex::new(Vec::new()) }
    }

    /// Asks for `path`. A kept connection that the server has closed meanwhile is replaced once.
    ///
    /// # Errors
    /// When the server cannot be reached, does not answer in time, or answers rubbish.
    pub async fn get(&self, path: &str) -> io::Result<Answer> {
        timeout(self.deadline, self.get_patiently(path)).await.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer in time"))?
    }

    async fn get_patiently(&self, path: &str) -> io::Result<Answer> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(stream) = kept
            && let Ok(answer) = self.exchange(stream, path).await
        {
            return Ok(answer);
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        self.exchange(BufReader::new(stream), path).await
    }

    async fn exchange(&self, mut stream: BufReader<TcpStream>, path: &str) -> io::Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await?;
        let (answer, reusable) = read_answer(&mut stream).await?;
        if reusable {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE_MAX {
                idle.push(stream);
            }
        }
        Ok(answer)
    }
}

/// Asks once, over a connection of its own.
///
/// # Errors
/// As `Client::get`.
pub async fn get_once(address: SocketAddr, path: &str, deadline: Duration) -> io::Result<Answer> {
    Client::new(address, deadline).get(path).await
}

async fn read_answer(stream: &mut BufReader<TcpStream>) -> io::Result<(Answer, bool)> {
    let mut left = HEAD_BYTES_MAX;
    let status_line = line(stream, &mut left).await?;
    let status = status_line.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| rubbish("the status line is none"))?;
    let mut headers = Vec::new();
    loop {
        let text = line(stream, &mut left).await?;
        if text.is_empty() {
            break;
        }
        let (name, value) = text.split_once(':').ok_or_else(|| rubbish("a header field has no colon"))?;
        headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer { status, headers, body: Vec::new() };
    let closes = answer.header("connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
    let length = answer.header("content-length").map(str::parse::<usize>);
    let chunked = answer.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"));
    match length {
        Some(Ok(length)) if length <= BODY_BYTES_MAX => {
            answer.body.resize(length, 0);
            stream.read_exact(&mut answer.body).await?;
        }
        Some(_) => return Err(rubbish("the body's length is not acceptable")),
        None if chunked => read_chunks(stream, &mut answer.body).await?,
        None => {
            stream.take(BODY_BYTES_MAX as u64).read_to_end(&mut answer.body).await?;
            return Ok((answer, false));
        }
    }
    Ok((answer, !closes))
}

async fn read_chunks(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut left = HEAD_BYTES_MAX;
        let size = line(stream, &mut left).await?;
        let size =
            usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16).map_err(|_| rubbish("a chunk has no size"))?;
        if body.len() + size > BODY_BYTES_MAX {
            return Err(rubbish("the body is too long"));
        }
        let start = body.len();
        body.resize(start + size, 0);
        stream.read_exact(&mut body[start..]).await?;
        line(stream, &mut left).await?;
        if size == 0 {
            return Ok(());
        }
    }
}

async fn line(stream: &mut BufReader<TcpStream>, left: &mut usize) -> io::Result<String> {
    let mut bytes = Vec::new();
    let read = (&mut *stream).take(*left as u64).read_until(b'\n', &mut bytes).await?;
    *left -= read;
    if bytes.pop() != Some(b'\n') {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection, or its head is too long"));
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    String::from_utf8(bytes).map_err(|_| rubbish("the head is no text"))
}

fn rubbish(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
