"""What other systems speak: FHIR, CDS Hooks and the hooks of CRMs."""
