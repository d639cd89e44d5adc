//! The fleet of the demo: services as processes, load, a small router and a small scraper.
