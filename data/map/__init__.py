"""The zoomable map: what a policy did, lane by lane and hour by hour, as one page that needs no network."""
