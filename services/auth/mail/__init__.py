"""What auth sends by mail, and how: by SMTP, or into the development inbox."""
