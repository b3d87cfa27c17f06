"""From a question to its matches: pattern IR, languages, planner, engines. Opens nothing by itself."""
