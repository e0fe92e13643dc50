"""The names in a question that exist, of what its asker may see."""

import re

from sqlmodel import Session, col, func, select

from bot.better import infer_goal
from bot.question import VERSION
from bot.question_numbers import may_name_numbers, names_no_metric
from bot.question_values import Known
from bot.sight import Sight
from storage import digest_queries, search_names
from storage.tables import Person, Project


def known_names(session: Session, question: str, asker: Sight) -> Known:
    """The names in the question that exist, of what the asker may see."""
    words = re.findall(r"[\w./-]+", question.lower())
    phrases = {
        " ".join(words[i : i + n]).strip(".-/") for n in (1, 2, 3, 4) for i in range(len(words) - n + 1)
    }
    phrases |= {phrase.removesuffix("'s") for phrase in phrases}
    people = select(Person).where(func.lower(Person.name).in_(phrases), ~col(Person.is_bot))
    mentioned = re.findall(r"(?:@|\bby:)([UW][A-Z0-9]+)\b", question)
    by_slack = select(Person).where(col(Person.slack_id).in_(mentioned), ~col(Person.is_bot))
    projects = select(Project.name, Project.id).where(func.lower(Project.name).in_(phrases))
    if asker.project_ids is not None:
        projects = projects.where(col(Project.id).in_(asker.project_ids))
    numbers = may_name_numbers(question)
    names = phrases | {phrase.replace(" ", sign) for phrase in phrases for sign in "_/."}
    met = session.exec(by_slack).all() if mentioned else []
    return Known(
        people={
            **{person.name.lower(): person.id or 0 for person in session.exec(people)},
            **{f"@{person.slack_id}".lower(): person.id or 0 for person in met},
        },
        called={person.id or 0: person.name for person in met},
        projects={name.lower(): project_id or 0 for name, project_id in session.exec(projects)},
        params=search_names.params(session, names, asker.project_ids) if numbers else {},
        metrics=search_names.metrics(session, names, asker.project_ids) if numbers else {},
        tags=search_names.tags(session, phrases, asker.project_ids) if numbers else {},
        datasets=search_names.datasets(session, phrases, asker.project_ids)
        if "data" in question.lower()
        else {},
        versions=search_names.versions(session, VERSION.findall(question.lower()), asker.project_ids),
        key_metrics=key_metrics(session, asker) if names_no_metric(question) else {},
        asker_id=asker.person_id,
    )


def key_metrics(session: Session, asker: Sight) -> dict[str, str]:
    """The metric that counts in each project in sight, and whether less or more of it is better, where that is known."""
    query = select(Project).where(col(Project.archived_at).is_(None))
    if asker.project_ids is not None:
        query = query.where(col(Project.id).in_(asker.project_ids))
    found = {}
    for project in session.exec(query):
        name = project.key_metric or digest_queries.key_metric(session, project.id or 0)
        goal = (project.goals.get(name) or infer_goal(name)) if name else None
        if name and goal:
            found[name] = goal
    return found
