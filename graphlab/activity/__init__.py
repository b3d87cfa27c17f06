"""From activity to behaviour: functional connectivity from recordings, and what neurons say about behaviour."""
