"""Writing a worklist as JSON, CSV and one HTML page. No Qt here."""

from cxr_desktop.report.csv_file import write_csv
from cxr_desktop.report.html_page import write_html
from cxr_desktop.report.json_file import SCHEMA, write_json_report
from cxr_desktop.report.worklist import Worklist

__all__ = ["SCHEMA", "Worklist", "write_csv", "write_html", "write_json_report"]
