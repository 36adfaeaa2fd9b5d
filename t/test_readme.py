"""The README says what is there: directives, examples, golden cases."""

import re

import pytest

from nginx import ROOT

README = (ROOT / 'README.md').read_text()
GOLDEN = ROOT / 'tests' / 'golden'
COMMANDS = ROOT / 'src' / 'nginx' / 'ngx_http_opendify_commands.cpp'

FORM = re.compile(
    r'\*\*Syntax:\*\* `(?P<name>opendify_\w+)( .*)?;`<br>\n'
    r'\*\*Default:\*\* .+<br>\n'
    r'\*\*Context:\*\* `\w+`(, `\w+`)*<br>\n'
    r'\*This directive appeared in version \d+\.\d+\.\d+\.\*\n\n'
    r'[A-Z]')
LEVELS = {'http': 'MAIN', 'server': 'SRV', 'location': 'LOC'}


def sections():
    """Name and text of each section of "Directives"."""
    part = README.split('\n## Directives\n')[1].split('\n## ')[0]
    first, *rest = part.split('\n### ')
    assert not first.strip()
    return dict(section.split('\n\n', 1) for section in rest)


def commands():
    """Name and flags of each row of the table."""
    return dict(re.findall(
        r'ngx_string\("(opendify_\w+)"\),\n\s*([\w|]+),',
        COMMANDS.read_text()))


def test_every_directive_has_a_section():
    assert sorted(sections()) == sorted(commands())
    assert len(sections()) > 15


@pytest.mark.parametrize('name', sorted(commands()))
def test_a_section_has_the_form(name):
    found = FORM.match(sections()[name])
    assert found, sections()[name][:300]
    assert found['name'] == name
    context = re.search(r'\*\*Context:\*\* (.*)<br>', sections()[name])[1]
    flags = commands()[name].replace(
        'kAnyLevel', 'NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF')
    assert [LEVELS[level] for level in re.findall(r'`(\w+)`', context)] == \
        re.findall(r'NGX_HTTP_(MAIN|SRV|LOC)_CONF', flags)


def snippets():
    return [pytest.param(name, text, id=f'{name}-{i}')
            for name, section in sections().items()
            for i, text in enumerate(
                re.findall(r'```nginx\n(.*?)```', section, re.S))]


@pytest.mark.parametrize('name, text', snippets())
def test_a_snippet_is_accepted(bare_site, tmp_path, monkeypatch, name, text):
    """Between the lines that it needs and does not have itself."""
    key = 'app-CANARYkey'
    (tmp_path / 'support.key').write_text(key)
    monkeypatch.setenv('TRANSLATOR_KEY', key)
    monkeypatch.setenv('MODEL_CONFIG', f'{{"sales": "{key}"}}')
    text = text.replace('/etc/nginx/opendify', str(tmp_path)) \
               .replace('http://dify/', 'http://127.0.0.1:1/')
    http = [] if name == 'opendify_zone' else ['opendify_zone other 1m;']
    if not name.startswith('opendify_app'):
        http.append(f'opendify_app bot key={key};')
    server = ['listen 127.0.0.1:1;']
    if 'location /v1/' in text:
        server.append(text)
    else:
        (server if text.startswith('location') else http).append(text)
        server.append('location /v1/ { opendify_pass /_dify; }')
    server.append('location /_dify/ { internal; '
                  f'include {ROOT}/conf/opendify_proxy.conf; '
                  'proxy_pass http://127.0.0.1:1/v1/; }')
    bare_site.nginx.write(http='\n'.join(
        [*http, 'server {', *server, '}']))
    code, said = bare_site.nginx.test()
    assert code == 0, said


def cells():
    part = README.split('\n## Apps and versions\n')[1].split('\n## ')[0]
    head, rule, *rows = re.findall(r'^\|.*\|$', part, re.M)
    versions = [cell.strip() for cell in head.split('|')[2:-1]]
    for row in rows:
        kind, *found = [cell.strip() for cell in row.split('|')[1:-1]]
        assert len(found) == len(versions), row
        yield from ((kind, v, cell) for v, cell in zip(versions, found))


# The first word of a case names its kind of app.
KINDS = {'chat': r'chat-', 'agent-chat': r'agent-(?!1\.1)',
         'chatflow': 'chatflow-', 'new agent': r'agent-1\.1',
         'completion': 'completion-', 'workflow': 'workflow-'}


def test_every_kind_and_version_has_a_cell():
    assert {kind for kind, *_ in cells()} == set(KINDS)
    assert {version for _, version, _ in cells()} == {
        '0.15', '1.0–1.8', '1.9–1.12', '1.13', '1.14–1.15', '1.16+'}


@pytest.mark.parametrize('kind, version, cell', list(cells()))
def test_a_cell_has_its_case(kind, version, cell):
    if cell == '—':
        assert kind == 'new agent' and version[:4] not in ('1.14', '1.16')
        return
    case = re.fullmatch(r'\[[^]]+\]\(tests/golden/([\w.-]+)\)', cell)[1]
    assert re.match(KINDS[kind], case)
    assert (GOLDEN / case / 'answer.openai.sse').exists(), case
    # A case of another version does not stand for this one.
    told = re.match(r'[a-z-]+(\d+\.\d+)', case)
    assert not told or is_of(told[1], version), case


def is_of(told, version):
    number = [int(part) for part in told.split('.')]
    first, _, last = version.rstrip('+').partition('–')
    bounds = [[int(part) for part in end.split('.')]
              for end in (first, last or first)]
    return number >= bounds[0] and (version.endswith('+')
                                    or number <= bounds[1])
