"""The procedures that deployed engines have (WIRE §5), each of which our client can call."""

from __future__ import annotations

from collections import Counter

from support.recorded import CALLS, exchanges

PROCEDURES = {
    "auth": "public protected whoami",
    "batch": "createJob startJob pauseJob resumeJob cancelJob deleteJob getJobStatus listJobs getJobResults "
    "getJobAnalytics cleanupCheckpoints",
    "chat": "sendMessage getMessages",
    "conversations": "list create getById update updateTitle delete",
    "export": "getFormats exportConversation exportAll",
    "images": "extractTextFromImage analyzeImage processPdf checkPdfNeedsOCR",
    "messages": "create getByConversation update delete",
    "modelAdmin": "refreshModels getCacheStatus listModels testSelection getFallbackModels",
    "monitoring": "getModelMonitoring getUsageStats getHealthStatus getCapabilities checkModelHealth",
    "orchestration": "chainChat processText getRoutingAnalytics",
    "projects": "create list getById update delete associateConversation getConversations uploadDocument "
    "getDocuments getDocument searchDocuments updateDocument proposeDocumentUpdate deleteDocument "
    "getDocumentStats",
    "search": "searchDocuments getEmbeddingStats reindexDocument healthCheck",
    "usage": "getSessionStats getModelUsage",
}
NAMED = {f"{router}.{name}" for router, names in PROCEDURES.items() for name in names.split()}


def test_our_client_calls_all_67_in_13_routers() -> None:
    assert (len(PROCEDURES), len(NAMED)) == (13, 67)
    assert set(CALLS) == NAMED


def test_of_each_a_success_was_recorded_that_our_client_makes_again() -> None:
    """``test_transcripts.py`` makes them: what a rule excludes there counts for nothing here."""
    succeeded = Counter(
        exchange.procedure
        for exchange in exchanges()
        if exchange.excluded_by is None
        and exchange.procedure in CALLS
        and exchange.reply["status"] == 200
        and not (isinstance(exchange.answer, dict) and exchange.answer.get("success") is False)
    )
    assert NAMED - succeeded.keys() == set()
