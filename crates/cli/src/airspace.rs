//! Whether changes may fly now, by the project's calendars as they are now: a freeze that is declared after take-off counts.

use glidepath_calendar::closed;
use glidepath_files::Project;
use glidepath_model::calendar::Calendar;
use glidepath_model::{Plan, Severity, Timestamp};
use glidepath_ports::{Airspace, AirspaceError, BoxFuture};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Calendars read less than this long ago are used again, so that many flights cost one reading.
const READ_EVERY: Duration = Duration::from_secs(2);

/// The calendars of a project.
pub(crate) struct ProjectAirspace {
    root: PathBuf,
    last: Mutex<Option<(Instant, Arc<Vec<Calendar>>)>>,
}

impl ProjectAirspace {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, last: Mutex::new(None) }
    }

    async fn calendars(&self) -> Result<Arc<Vec<Calendar>>, AirspaceError> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, calendars)) = last.filter(|(read_at, _)| read_at.elapsed() < READ_EVERY) {
            return Ok(calendars);
        }
        let root = self.root.clone();
        let read = tokio::task::spawn_blocking(move || read(&root)).await;
        let calendars = Arc::new(read.map_err(|error| AirspaceError { reason: error.to_string() })??);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), calendars.clone()));
        Ok(calendars)
    }
}

/// Reads the project. Where any file of it is broken nobody knows what its calendars were meant to say.
fn read(root: &Path) -> Result<Vec<Calendar>, AirspaceError> {
    let loaded = Project::load(root);
    if !loaded.has_errors() {
        return Ok(loaded.catalog.calendars);
    }
    let first = loaded.diagnostics.iter().find(|finding| finding.severity == Severity::Error);
    let first = first.map(|finding| {
        let place = finding.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        format!("{place}{}", finding.message)
    });
    let first = first.unwrap_or_else(|| "the project has errors".to_owned());
    Err(AirspaceError { reason: format!("{first}; `glidepath validate` shows every problem") })
}

impl Airspace for ProjectAirspace {
    fn closed<'a>(&'a self, plan: &'a Plan, at: Timestamp) -> BoxFuture<'a, Result<Option<String>, AirspaceError>> {
        Box::pin(async move {
            let calendars = self.calendars().await?;
            let change = &plan.body.change;
            let mut reasons: Vec<String> = Vec::new();
            for reason in change.environments.iter().flat_map(|name| closed(&calendars, name, change.class, at)) {
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
            Ok((!reasons.is_empty()).then(|| reasons.join("; ")))
        })
    }
}
