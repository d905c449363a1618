"""What a lab may well write, and a page must show and never run."""

EVIL = '<script>document.title="run"</script>'
EVIL_IMAGE = "<img src=http://127.0.0.1:9/x onerror=\"document.title='run'\">"
