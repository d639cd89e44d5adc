//! Stored forms: nothing is lost, and what is not known stops with a code.

use glidepath_engine::stored::{StoredEvent, decode};

#[test]
fn a_stored_event_of_another_version_or_shape_is_a_coded_error() {
    let cases = [
        ("SafetyReached", 1, "{}", true),
        ("RetrySet", 1, r#"{"step":"a","direction":"undo","at":5}"#, true),
        ("WindowClosed", 1, r#"{"reason":"the window ended"}"#, true),
        ("WindowOpened", 1, "{}", true),
        ("WindowClosed", 1, "{}", false),
        ("WindowOpened", 2, "{}", false),
        ("SafetyReached", 2, "{}", false),
        ("Teleported", 1, "{}", false),
        ("RetrySet", 1, r#"{"step":"a","direction":"sideways","at":5}"#, false),
        ("RetrySet", 1, r#"{"step":"a","direction":"undo","at":5,"more":1}"#, false),
        (
            "AttemptEnded",
            1,
            r#"{"attempt":{"step":"a","direction":"do","round":1,"number":1},"outcome":{"outcome":"notDone"},"tookMs":1}"#,
            false,
        ),
        ("Noted", 1, "not json", false),
    ];
    for (kind, version, json, is_known) in cases {
        let read = decode(&StoredEvent { kind: kind.to_owned(), version, json: json.to_owned() });
        assert_eq!(read.is_ok(), is_known, "{kind} {version} {json}");
        if let Err(error) = read {
            assert_eq!(error.code(), "GP0401");
        }
    }
}
