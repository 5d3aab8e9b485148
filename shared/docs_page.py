"""The page behind ``/docs``: plain HTML from the OpenAPI document, no script, nothing from elsewhere."""

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ document.info.title }}</title><link rel="stylesheet" href="/docs/style.css">
<main>
<h1>{{ document.info.title }}</h1>
<p>Machine-readable: <a href="/openapi.json">/openapi.json</a></p>
{% for path, operations in document.paths.items() %}{% for method, operation in operations.items() %}
<section>
<h2><b>{{ method|upper }}</b> {{ path }}</h2>
<p>{{ operation.description or operation.summary }}</p>
{% if operation.security %}<p class="who">Asks for: {% for way in operation.security %}{{ way.keys()|first }}{{ " or "
 if not loop.last }}{% endfor %}</p>{% endif %}
{% if operation.parameters %}<table><tr><th>Parameter</th><th>In</th><th>Type</th></tr>
{% for p in operation.parameters %}<tr><td><code>{{ p.name }}</code>{{ " (required)" if p.required }}</td><td>{{ p.in }}
</td><td><code>{{ p.schema.format or p.schema.type or (p.schema|tojson) }}</code></td></tr>{% endfor %}</table>{% endif %}
{% if operation.requestBody %}<details><summary>Request body</summary><pre>{{ operation.requestBody.content[
 "application/json"].schema|tojson(indent=1) }}</pre></details>{% endif %}
<table><tr><th>Answer</th><th>Body</th></tr>
{% for status, response in operation.responses.items() %}<tr><td>{{ status }}</td><td>{{ response.description }}
{% if response.content %}<code>{{ response.content["application/json"].schema["$ref"].split("/")|last }}</code>{% endif %}
</td></tr>{% endfor %}</table>
</section>
{% endfor %}{% endfor %}
<h1>Shapes</h1>
{% for name, schema in document.components.schemas.items() %}
<details id="{{ name }}"><summary>{{ name }}</summary><pre>{{ schema|tojson(indent=1) }}</pre></details>
{% endfor %}
</main></html>"""

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
main { max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
section { border-top: 1px solid #8884; padding: .5rem 0 1rem }
h2 { font: 600 1.05rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere }
h2 b { color: #4f6bed }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top; border-bottom: 1px solid #8882 }
pre { overflow: auto; font-size: .85rem; background: #8881; padding: .8rem; border-radius: .5rem }
summary { cursor: pointer } .who { color: #888 }
"""
