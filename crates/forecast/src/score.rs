//! How wrong a forecast was.

/// Mean absolute scaled error (Hyndman and Koehler, 2006) of the steps that were seen: the mean error over `scale`. `None` where nothing was seen, or
/// where there is an error and no scale for it.
pub fn mase(forecast: &[f64], actual: &[f64], seen: &[bool], scale: f64) -> Option<f64> {
    let error = mean(forecast, actual, seen, |f, a| (f - a).abs())?;
    if error == 0.0 { Some(0.0) } else { Some(error / scale).filter(|mase| mase.is_finite()) }
}

/// Symmetric mean absolute percentage error, 0 to 2: the mean of `2|f-a|/(|f|+|a|)`, where both are nothing 0.
pub fn smape(forecast: &[f64], actual: &[f64], seen: &[bool]) -> Option<f64> {
    mean(forecast, actual, seen, |f, a| if f.abs() + a.abs() > 0.0 { 2.0 * (f - a).abs() / (f.abs() + a.abs()) } else { 0.0 })
}

/// What repeating the season would have been wrong by, within the history: the mean of `|y(t) - y(t - season)|` over steps that were seen.
pub fn naive_scale(values: &[f64], seen: &[bool], season: usize) -> Option<f64> {
    let later = values.get(season..)?;
    mean(later, values, &both(seen.get(season..)?, seen), |after, before| (after - before).abs())
}

fn both(a: &[bool], b: &[bool]) -> Vec<bool> {
    a.iter().zip(b).map(|(a, b)| *a && *b).collect()
}

fn mean(forecast: &[f64], actual: &[f64], seen: &[bool], error: impl Fn(f64, f64) -> f64) -> Option<f64> {
    let errors = forecast.iter().zip(actual).zip(seen).filter(|(_, seen)| **seen).map(|((f, a), _)| error(*f, *a));
    let (sum, count) = errors.fold((0.0, 0_u32), |(sum, count), error| (sum + error, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}
