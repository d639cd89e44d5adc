//! Native histograms for a Prometheus, by its protocol of remote writing: protocol buffers in a block of Snappy, both written out by hand.

use super::Prometheus;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

/// What a native histogram counted.
#[derive(Clone, Debug, Default)]
pub struct NativeSample {
    /// Its resolution: bounds are the powers of `2^(2^-schema)`.
    pub schema: i32,
    /// Requests at zero.
    pub zero: u64,
    /// Buckets by the number of their upper bound, in order, with their requests.
    pub buckets: Vec<(i32, u64)>,
}

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH: u64 = 2;
/// Longest literal of Snappy whose length stands in its tag.
const LITERAL_MAX: usize = 60;

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn field(number: u64, kind: u64, payload: Vec<u8>) -> Vec<u8> {
    let length = if kind == LENGTH { varint(payload.len() as u64) } else { Vec::new() };
    [varint(number << 3 | kind), length, payload].concat()
}

impl NativeSample {
    /// `prometheus.Histogram`: counts as differences from bucket to bucket, and where they stand as gaps and lengths.
    fn encoded(&self, at_ms: i64) -> Vec<u8> {
        let all = self.zero + self.buckets.iter().map(|(_, count)| count).sum::<u64>();
        let mut bytes = [
            field(1, VARINT, varint(all)),
            field(3, FIXED_64, 1.0_f64.to_le_bytes().to_vec()),
            field(4, VARINT, varint(zigzag(self.schema.into()))),
            field(5, FIXED_64, 2.9e-39_f64.to_le_bytes().to_vec()),
            field(6, VARINT, varint(self.zero)),
        ]
        .concat();
        let (mut deltas, mut last, mut next) = (Vec::new(), 0, 0);
        for (index, count) in &self.buckets {
            let span = [field(1, VARINT, varint(zigzag((index - next).into()))), field(2, VARINT, varint(1))].concat();
            bytes.extend(field(11, LENGTH, span));
            deltas.extend(varint(zigzag(*count as i64 - last)));
            (last, next) = (*count as i64, index + 1);
        }
        bytes.extend(field(12, LENGTH, deltas));
        bytes.extend(field(15, VARINT, varint(at_ms as u64)));
        bytes
    }
}

impl Prometheus {
    /// Writes one sample of a native histogram; to be asked of [`Prometheus::with_native_histograms`].
    pub fn write_histogram(&self, labels: &[(&str, &str)], sample: &NativeSample, at_ms: i64) {
        let text = |number, text: &str| field(number, LENGTH, text.as_bytes().to_vec());
        let labels = labels.iter().flat_map(|(label, value)| field(1, LENGTH, [text(1, label), text(2, value)].concat()));
        let series = labels.chain(field(4, LENGTH, sample.encoded(at_ms))).collect();
        let request = field(1, LENGTH, series);
        let mut block = varint(request.len() as u64);
        for literal in request.chunks(LITERAL_MAX) {
            block.push(((literal.len() - 1) << 2) as u8);
            block.extend_from_slice(literal);
        }
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let head = format!(
            "POST /api/v1/write HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n\
             X-Prometheus-Remote-Write-Version: 0.1.0\r\nContent-Length: {}\r\n\r\n",
            block.len()
        );
        stream.write_all(&[head.as_bytes(), &block].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    }
}
