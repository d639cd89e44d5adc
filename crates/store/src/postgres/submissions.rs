//! Submissions and their answers. Those that are left at the same time are written together, and so are answers.

use super::numbers::{from_stored, limit, to_stored};
use super::sessions::{Fault, Session};
use super::together::{Answers, Together};
use crate::record::{answer_from_json, answer_to_json, count_waiting, list_submission, submission_to_json};
use glidepath_ports::store::{Answer, Submission, Submissions, Waiting};
use glidepath_ports::{BoxFuture, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Starts that one look gives to a node.
const STARTS_MAX: usize = 64;
/// Submissions, or answers, that are written together, at most.
const WRITTEN_TOGETHER_MAX: usize = 256;

/// Leaves submissions.
pub(super) struct Submit;

/// A submission as it is kept.
pub(super) struct Left {
    body: String,
    run: String,
    plan: Option<String>,
}

impl Left {
    pub(super) fn of(submission: &Submission) -> Result<Self, StoreError> {
        let (run, plan) = match submission {
            Submission::Start { plan, run, .. } => (run, Some(plan.to_string())),
            Submission::Ask(request) => (&request.run, None),
        };
        Ok(Self { body: submission_to_json(submission)?, run: run.to_string(), plan })
    }
}

impl Together for Submit {
    type Asked = Left;
    type Given = u64;
    const TOGETHER_MAX: usize = WRITTEN_TOGETHER_MAX;

    fn goes_with(_batch: &[Left], _next: &Left) -> bool {
        true
    }

    fn answer<'a>(self: Arc<Self>, session: &'a mut Session, batch: Arc<Vec<Left>>) -> BoxFuture<'a, Answers<u64>> {
        Box::pin(async move {
            // The numbers are drawn first, so that it is certain which is whose.
            let insert = session
                .statement(
                    "WITH numbered AS MATERIALIZED (
                         SELECT nextval(pg_get_serial_sequence('submissions', 'number')) AS number, body, run, plan, place
                         FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS s (body, run, plan, place)
                     ), kept AS (
                         INSERT INTO submissions (number, body, run, plan) OVERRIDING SYSTEM VALUE SELECT number, body, run, plan FROM numbered
                     )
                     SELECT number FROM numbered ORDER BY place",
                )
                .await?;
            let bodies: Vec<&str> = batch.iter().map(|left| left.body.as_str()).collect();
            let runs: Vec<&str> = batch.iter().map(|left| left.run.as_str()).collect();
            let plans: Vec<Option<&str>> = batch.iter().map(|left| left.plan.as_deref()).collect();
            let rows = session.client.query(&insert, &[&bodies, &runs, &plans]).await?;
            rows.iter().map(|row| Ok(Ok(from_stored(row.try_get(0)?)))).collect()
        })
    }
}

/// What a node says when it asks for its submissions.
pub(super) struct Look {
    pub(super) epoch: u64,
    pub(super) semantics: Vec<i32>,
    pub(super) after: u64,
    /// Submissions that were found to be unreadable: starts among them are not given to this node again.
    pub(super) unreadable: Vec<i64>,
}

/// Gives starts that are nobody's to this node, and tells what is this node's to answer. A start that turns out to be unreadable is given back.
pub(super) async fn submissions(session: &mut Session, look: &Look) -> Result<Submissions, Fault> {
    let Look { epoch, semantics, after, unreadable } = look;
    let epoch = to_stored(*epoch);
    let give = session
        .statement(
            "WITH free AS (
                 SELECT number FROM submissions s WHERE answer IS NULL AND plan IS NOT NULL
                     AND (given_to IS NULL OR NOT EXISTS (SELECT FROM nodes n WHERE n.epoch = s.given_to AND n.ended_at IS NULL))
                     AND NOT EXISTS (SELECT FROM plans p WHERE p.id = s.plan AND NOT p.semantics = ANY ($2))
                     AND EXISTS (SELECT FROM nodes WHERE epoch = $1 AND ended_at IS NULL AND NOT draining)
                     AND number <> ALL ($4)
                 ORDER BY number LIMIT $3 FOR UPDATE SKIP LOCKED
             )
             UPDATE submissions SET given_to = $1 FROM free WHERE submissions.number = free.number",
        )
        .await?;
    let look = session
        .statement(
            "SELECT number, body FROM submissions s LEFT JOIN runs r ON r.run = s.run
             WHERE answer IS NULL AND number > $2 AND (given_to = $1 OR number = ANY ($3) OR (plan IS NULL AND (r.owner_epoch = $1
                 OR NOT EXISTS (SELECT FROM nodes n WHERE n.epoch = r.owner_epoch AND n.ended_at IS NULL))))
             ORDER BY number",
        )
        .await?;
    let give_back = session.statement("UPDATE submissions SET given_to = NULL WHERE given_to = $1 AND number = ANY ($2)").await?;
    session.client.execute(&give, &[&epoch, semantics, &limit(STARTS_MAX), unreadable]).await?;
    let mut found = Submissions::default();
    for row in session.client.query(&look, &[&epoch, &to_stored(*after), unreadable]).await? {
        list_submission(&mut found, from_stored(row.try_get(0)?), row.try_get(1)?);
    }
    let newly: Vec<i64> =
        found.unread.iter().map(|unread| to_stored(unread.number)).filter(|number| !unreadable.contains(number)).collect();
    if !newly.is_empty() {
        session.client.execute(&give_back, &[&epoch, &newly]).await?;
    }
    Ok(found)
}

pub(super) async fn submissions_waiting(session: &mut Session) -> Result<Waiting, Fault> {
    let look = session.statement("SELECT number, body FROM submissions WHERE answer IS NULL ORDER BY number").await?;
    let mut waiting = Waiting::default();
    for row in session.client.query(&look, &[]).await? {
        count_waiting(&mut waiting, from_stored(row.try_get(0)?), row.try_get(1)?);
    }
    Ok(waiting)
}

/// Answers submissions.
pub(super) struct GiveAnswers;

/// An answer as it is kept, with the number of its submission.
pub(super) struct Given {
    number: i64,
    answer: String,
}

impl Given {
    pub(super) fn of(number: u64, answer: &Answer) -> Result<Self, StoreError> {
        Ok(Self { number: to_stored(number), answer: answer_to_json(answer)? })
    }
}

impl Together for GiveAnswers {
    type Asked = Given;
    type Given = ();
    const TOGETHER_MAX: usize = WRITTEN_TOGETHER_MAX;

    fn goes_with(batch: &[Given], next: &Given) -> bool {
        batch.iter().all(|given| given.number != next.number)
    }

    fn answer<'a>(self: Arc<Self>, session: &'a mut Session, batch: Arc<Vec<Given>>) -> BoxFuture<'a, Answers<()>> {
        Box::pin(async move {
            // The first answer stands: who asked may have read it already.
            let update = session
                .statement(
                    "WITH answered AS (
                         UPDATE submissions SET answer = coalesce(submissions.answer, given.answer)
                         FROM unnest($1::bigint[], $2::text[]) AS given (number, answer) WHERE submissions.number = given.number
                         RETURNING submissions.number
                     )
                     SELECT number FROM answered",
                )
                .await?;
            let numbers: Vec<i64> = batch.iter().map(|given| given.number).collect();
            let answers: Vec<&str> = batch.iter().map(|given| given.answer.as_str()).collect();
            let rows = session.client.query(&update, &[&numbers, &answers]).await?;
            let found = rows.iter().map(|row| row.try_get(0)).collect::<Result<BTreeSet<i64>, _>>()?;
            let answer = |number: &i64| if found.contains(number) { Ok(()) } else { Err(no_submission(from_stored(*number))) };
            Ok(numbers.iter().map(answer).collect())
        })
    }
}

pub(super) async fn answer_to(session: &mut Session, number: u64) -> Result<Option<Answer>, Fault> {
    let look = session.statement("SELECT answer FROM submissions WHERE number = $1").await?;
    let row = session.client.query_opt(&look, &[&to_stored(number)]).await?.ok_or_else(|| no_submission(number))?;
    let answer: Option<&str> = row.try_get(0)?;
    Ok(answer.map(answer_from_json).transpose()?)
}

fn no_submission(number: u64) -> StoreError {
    StoreError::NotFound { what: format!("submission {number}") }
}
