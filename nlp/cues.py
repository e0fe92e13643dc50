"""Words and turns of phrase that hint at a sentence's role: a table of named patterns, for text in small letters."""

import re

_NUMBER = r"[-+~≈<>]?\$?\d[\d.,]*(?:e[-+]?\d+)?\s?(?:%|x\b|k\b|m\b|b\b)?"
_METRIC = (
    r"(?:acc(?:uracy)?|loss|ppl|perplexity|f1|auc|auroc|map|miou|iou|bleu|rouge|wer|cer|mae|rmse|mse|r2|recall"
    r"|precision|top-?[15]|err(?:or)?(?: rate)?|bpb|bpc|nll|reward|return|fid|psnr|ssim|dice|ndcg|mrr|throughput"
    r"|tflops|mfu|latency|memory|vram|tokens/s|it/s|ms|val\w*|score|gap|speed-?up|runtime|wall-?clock|step time)"
)
_UP_DOWN = (
    r"(?:improv\w+|better|best|worse\w*|worst|higher|lower|faster|slower|smaller|larger|gain\w*|drop(?:s|ped)?|rose"
    r"|fell|jump(?:s|ed)?|increas(?:es|ed|ing)|decreas(?:es|ed|ing)|reduc(?:es|ed|ing|tion)|hurts?|helps?|helped|degrad\w+"
    r"|boost(?:s|ed)|sav(?:es|ed|ings?)|regress\w*|shr[aiu]nk\w*|grew|slows? down|speeds? up)"
)

CUES: dict[str, str] = {
    # hypothesis
    "belief": r"\b(?:i|we|they)(?:'d| would)? (?:\w+ )?(?:think|believe|suspect|guess|bet|assume|expect|hope|figure|reckon|wonder)\b",
    "belief_word": r"\b(?:think|believe|suspect|guess(?:ing)?|assum(?:e|ing|ption)|hypothes\w+|hop(?:e|ing)|wonder(?:ing)?|hunch|theory|feeling|intuit\w+|motivat\w+|rationale|the idea|conjecture|speculat\w+)\b",
    "maybe": r"\b(?:maybe|perhaps|probably|possibly|presumably|likely|plausibl[ey]|supposedly|potentially|apparently|seemingly|might|may)\b",
    "seems": r"\b(?:seems?|appears?|looks like|feels like|smells like|suggests?|indicates?|implies|evidence)\b",
    "could_be": r"\b(?:could|might|may|would|should|ought to|can|must) (?:\w+ )?(?:be|help|hurt|explain|cause|come|mean|improve|work|matter|make|give|allow|let|reduce|benefit|lead|need|have)\b",
    "because": r"\b(?:because|due to|since|caused? by|thanks to|as a result of|owing to|comes? from|stems? from|explain(?:s|ed)?|the reason|reason(?:s)? (?:is|for|why)|that is why|this is why|therefore|thus|hence)\b",
    "purpose": r"\b(?:to (?:see|check|test|find out|verify|understand|learn) (?:if|whether|how|what|why)|whether|in order to|so that|the (?:goal|aim|point|hope) is|intended to|designed to|the question)\b",
    "question": r"\?\s*[\"')\]]*$",
    "question_word": r"^(?:is|are|does|do|did|could|can|would|will|should|why|what if|how|or is|maybe)\b",
    "mechanism": r"\b(?:lets?|allows?|enables?|encourages?|forces?|prevents?|makes? it|gives?|acts? as|behaves?|tends? to|biases|smooth\w*|equivalent|implicitly|effectively|essentially|intuitively|in theory|in principle|under this)\b",
    # change
    "first_person_edit": r"\b(?:i|we|just|also|now|then|have|'ve) (?:\w+ )?(?:added|replaced|switched|changed|set|lowered|raised|increased|decreased|reduced|moved|removed|dropped|turned|used|trained|ran|started|restarted|resumed|swapped|enabled|disabled|implemented|tuned|tried|tested|scaled|doubled|halved|cut|bumped|put|took|froze|unfroze|applied|initiali[sz]ed|merged|updated|fixed|kept|split|rolled|skipped|rewrote|introduced|modified|adjusted|compared|fine-?tuned)\b",
    "edit_first": r"^(?:also |then |now |just |and |so )?(?:add(?:s|ed|ing)?|remov(?:e|es|ed|ing)|replac(?:e|es|ed|ing)|switch(?:e[sd]|ing)?|chang(?:e|es|ed|ing)|set(?:s|ting)?|lower(?:s|ed|ing)?|rais(?:e|es|ed|ing)|increas(?:e|es|ed)|decreas(?:e|es|ed)|reduc(?:e|es|ed)|mov(?:e|es|ed|ing)|drop(?:s|ped|ping)?|turn(?:s|ed)?|us(?:e|es|ed|ing)|restart(?:s|ed|ing)?|resum(?:e|es|ed|ing)|swap(?:s|ped|ping)?|enabl(?:e|es|ed|ing)|disabl(?:e|es|ed|ing)|implement(?:s|ed|ing)?|tun(?:e|es|ed|ing)|appl(?:y|ies|ied|ying)|initiali[sz](?:e|es|ed|ing)|merg(?:e|es|ed|ing)|updat(?:e|es|ed|ing)|fus(?:e|es|ed|ing)|cache[sd]?|compil(?:e|es|ed|ing)|refactor(?:s|ed|ing)?|rewr(?:ite|ote)|split|cast|hoist(?:ed)?|inline[sd]?|double[sd]?|halve[sd]?|cut|bump(?:ed)?|introduc(?:e|es|ed|ing)|modif(?:y|ies|ied)|adjust(?:s|ed)?|align(?:s|ed)?|upgrade[sd]?|downgrade[sd]?|patch(?:ed)?|fix(?:es|ed)?|train(?:s|ed|ing)?|start(?:s|ed|ing)?|launch(?:ed|ing)?|relaunch(?:ed|ing)?|creat(?:e|es|ed)|scal(?:e|es|ed)|extend(?:s|ed)?|normaliz(?:e|es|ed)|freez(?:e|es|ing)|froze|unfr(?:eeze|oze)|untie[sd]?|tie[sd]?|hard-?cod(?:e|es|ed)|skip(?:s|ped)?)\b",
    "arrow": r"(?:->|→|=>|&rarr;|-->)",
    "from_to": rf"\bfrom\b.{{1,60}}\bto\b {_NUMBER}",
    "assignment": r"\b[a-z_][\w.]*\s?=\s?[-+.\d(\[\"'tfn]",
    "instead": r"\b(?:instead of|rather than|in place of|in favou?r of|over the old|up from|down from|was (?:previously|before)|previously|no longer|formerly)\b",
    "now": r"\b(?:now (?:uses?|runs?|with|on|at|has|set|handles?)|this (?:pr|run|record|submission|version|commit|patch|change|entry|branch) \w+s\b|here,? we|in this (?:pr|run|record|submission|version))",
    "new_with": r"^(?:\+|new |with |same |w/ |without |no )",
    "units_of_model": r"\b\d+ ?(?:x )?(?:layers?|heads?|epochs?|steps?|iters?|iterations|gpus?|blocks?|experts?|tokens|dims?|channels|hidden)\b",
    # outcome
    "up_down": rf"\b{_UP_DOWN}\b",
    "metric": rf"\b{_METRIC}\b",
    "metric_value": rf"\b{_METRIC}\b[\w\s:=(~≈@-]{{0,24}}?{_NUMBER}",
    "value_metric": rf"{_NUMBER} ?(?:pts?|points?|pp|bpb|ppl|nats?|minutes|min|seconds?|secs?|s|ms|hours?|h|bytes|[kmg]i?b|tokens/s|it/s|steps) ?(?:\w+ ){{0,2}}{_UP_DOWN}",
    "versus": r"\b(?:vs\.?|versus|compared (?:to|with)|than|against|relative to|baseline|on par|previous best|prior|beats?|beating|outperform\w*)\b",
    "no_effect": r"\b(?:no (?:real |measurable |significant |visible )?(?:difference|change|effect|gain|improvement|impact|benefit)|neutral|unchanged|identical|same as|didn'?t (?:help|change|matter|improve|work)|does(?:n'?t| not) (?:help|change|matter|improve)|within noise|negligible|as expected|equal)\b",
    "dynamics": r"\b(?:converge[sd]?|diverge[sd]?|plateau\w*|overfit\w*|underfit\w*|spik(?:e[sd]?|ing)|recover(?:s|ed)?|blew up|explod\w+|stable|unstable|noisy|saturat\w+|collapsed?|flat|smooth(?:er)?|reach(?:e[sd])?|achiev(?:e[sd]?|ing)|yield(?:s|ed|ing)?|finish(?:ed|es)|ended (?:up )?at|went (?:up|down|to|from)|came (?:out|back|down)|got|turns? out|turned out|result(?:s|ed)?|found|observed?|saw|shows?|showed)\b",
    "statistics": r"(?:±|\+/-|\bstd\b|\bstddev\b|\bmean\b|\bmedian\b|\baverage\b|\bp ?[=<] ?0|\bseeds?\b|\bsignificant\w*|\bn ?= ?\d)",
    "praise": r"\b(?:surprisingly|unfortunately|sadly|great|nice|nicely|works|worked|good|bad|terrible|impressive|clearly|huge|small but|slightly|much|a bit|a lot|barely)\b",
    # problem
    "trouble": r"\b(?:crash\w*|oom|out of memory|hang(?:s|ing)?|hung|stuck|stall\w*|dead|died|dies|kill(?:s|ed)|preempt\w*|fail(?:s|ed|ing|ures?)?|broken|broke|corrupt\w*|error|exception|traceback|segfault\w*|timeouts?|timed out|nan|inf|overflow\w*|leak(?:s|ed|ing|age)?|bug|bugs|buggy|deadlock\w*|mismatch|missing|lost|wrong|silently|disk full|no space|unreachable|refuse[sd]?|reject(?:s|ed)?|freez\w+|throttl\w+|flaky|issue|issues|problem|obstacle|blocked|blocker)\b",
    "cannot": r"\b(?:can'?t|cannot|could ?n[o']t|unable to|won'?t|does ?n[o']t (?:work|run|start|load|compile|fit|support)|did ?n[o']t (?:run|start|load|compile|save|finish)|never (?:finished|started|showed|ran)|not (?:able|possible|working|supported))\b",
    "exception_name": r"\b[a-z]\w*(?:error|exception|interrupt)\b|\bsig[a-z]+\b|\bexit code\b|\berror\b|\bxid\b|\becc\b",
    "machine": r"\b(?:nodes?|gpu \d|rank \d+|slurm|nccl|cuda|cluster|queue|driver|network|filesystem|disk|checkpoint|machine|infiniband|hardware)\b",
    # decision
    "decide": r"\b(?:decid\w+|decision|conclu\w+|agreed|settl\w+|opt(?:ed|ing)|chose|choos\w+|pick(?:ed|ing)?|going with|go with|went with|stick\w*|stuck with|stay(?:s|ing)? (?:with|at|on)|keep(?:s|ing)?|kept|adopt\w*|abandon\w*|discard\w*|retir\w+|give up|giving up|gave up|drop(?:ping|ped)? (?:it|this|that|the)|kill(?:ing)? (?:it|this)|ship(?:ping)?|not worth|worth it|for good|for now|from now on|as (?:the )?default|new default|final answer|reject(?:ed|ing)|stop(?:ping)? here|leave|leaving|left (?:it|out|off)|merged|reverted)\b",
    "will_not": r"\b(?:won'?t|will not|not going to|no more|no longer (?:use|run|support)|never again|let'?s not|we stop|ruled out|off the table)\b",
    # next step
    "next": r"\b(?:next|todo|to-do|to do|tbd|follow[- ]?ups?|later|tomorrow|tonight|monday|tuesday|wednesday|thursday|friday|weekend|next week|future|remaining|remains|eventually|soon|queue[d]?|planned|plan|plans|planning|pending|upcoming|once|afterwards)\b",
    "intent": r"\b(?:will|gonna|going to|want(?:s)? to|wanna|need(?:s)? to|have to|has to|should|let'?s|let me|i'?ll|we'?ll|i'?d like|would like|trying to|about to|could try|worth (?:a )?(?:try\w*|test\w*)|might try|still (?:need|have|to)|must|next up)\b",
    "try_check": r"\b(?:try|rerun|re-run|retry|check|look (?:at|into)|investigate|compare|test|sweep|explore|repeat|verify|tune|profile|ablate|evaluate|combine|run) (?:it |this |that |the |a |an |with |on |again|if|whether|some|more|\w+ing)",
    "would_be": r"\b(?:would be (?:interesting|nice|good|great|useful|worth)|could also|might be worth|interesting to|left (?:for|to)|future work|further work|as a next)\b",
    # other
    "reference": r"(?:#\d+|\bpr ?#?\d+|\b(?:fig|figure|table|section|eq|appendix)\.? ?\d|\bet al\b|arxiv|https?://|www\.|\bgithub\b|@\w+|\[\d+\])",
    "credit": r"\b(?:thank|thanks|thx|credit|credits|acknowledg\w+|inspired by|based on|courtesy|kudos|shout-?out|contribut\w+|author(?:s|ed)?|by @)\b",
    "instruction": r"\b(?:run `|pip install|conda|bash |python |torchrun|see |please|note that|refer to|for details|documentation|readme|download|clone|how to|usage|requirements?|install)\b",
    "file": r"\b[\w/-]+\.(?:py|log|json|jsonl|md|txt|sh|yaml|yml|ipynb|csv|pt|ckpt|png|npz|toml)\b",
    "definition": r"\b(?:is (?:a|an|the)|are (?:a|the)|refers? to|consists? of|contains?|stands? for|means|is called|defined as|controls?|represents?|returns?|describes?|supports?|provides?|standard|in general|typically|usually|normally|each|every|all|any)\b",
    "greeting": r"^(?:hi|hey|hello|good morning|ok|okay|sure|yes|yep|no|thanks|thx|lgtm|\+1|cool|fyi|btw|alright|update|notes?)\b",
    "filler": r"\b(?:um+|uh+|you know|i mean|kind of|sort of|basically|like|yeah|so yeah)\b",
    "code": r"`|\w\(\)|[{}]|\w+_\w+|::|--\w",
    "number": r"(?<![\w.])[-+~]?\d",
    "big_number": r"\d[.,]\d{2,}",
    "percent": r"\d ?%",
    "duration": r"\b\d[\d.]* ?(?:ms|s|sec|secs|seconds?|min|mins|minutes?|h|hrs?|hours?|days?)\b",
    "time_stamp": r"^\W*(?:\d{4}-\d\d-\d\d|\d{1,2}:\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}|(?:mon|tue|wed|thu|fri|sat|sun)\w*,?)\b",
    "label_colon": r"^[^.:]{2,40}:\s",
    "quote_open": r"^[\"“'(\[]",
    "and_then": r"\b(?:but|however|although|though|while|yet|so|which|and)\b",
    "starts_joined": r"^(?:but|however|which|and|so|then|also|additionally|moreover|this|that|these|it)\b",
    "everything_else": r"\b(?:everything else|all else|rest (?:as|is|un)|otherwise (?:same|identical|unchanged)|same (?:config|setup|data|seed|as))\b",
}


def compiled() -> list[re.Pattern[str]]:
    """The patterns, ready to search in small letters, in the order of their names; ignoring case takes three times as long."""
    return [re.compile(pattern) for pattern in CUES.values()]
